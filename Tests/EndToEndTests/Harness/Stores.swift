// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A Redis (append-only file on) and a PostgreSQL of a test's own, as real processes that it may stop, freeze and kill.
///
/// They are started by the same shell functions as `scripts/up` uses.
final class Stores: Sendable {
    let folder: URL

    init() async throws {
        folder = URL(filePath: try await run(["mktemp", "-d", "/tmp/millrace-e2e.XXXXXX"]).trimmingNewline)
        try await startRedis()
        try await startPostgres()
    }

    func startRedis() async throws { try await shell("redis_start \"$1\" durable") }
    func startPostgres() async throws { try await shell("postgres_start \"$1\" throwaway") }

    func redisURL() async throws -> String { try await shell("redis_url \"$1\"") }
    func databaseURL() async throws -> String { try await shell("postgres_url \"$1\" postgres") }

    var redisPID: Int32 { pid("redis") }
    var postgresPID: Int32 { pid("postgres") }

    func killRedis() async throws { try await end(redisPID, SIGKILL) }
    /// PostgreSQL's immediate shutdown: no checkpoint, every connection cut, as after a power loss.
    func killPostgres() async throws { try await end(postgresPID, SIGQUIT) }

    /// To the server and all its sessions, which are processes of their own.
    func signalPostgres(_ signal: Int32) async {
        let server = postgresPID
        let children = (try? await run(["pgrep", "-P", "\(server)"])) ?? ""
        for pid in [server] + children.split(separator: "\n").compactMap({ Int32($0) }) { kill(pid, signal) }
    }

    func redis(_ arguments: String...) async throws -> String {
        try await run(["redis-cli", "-u", try await redisURL(), "--raw"] + arguments).trimmingNewline
    }

    /// The rows of a query, columns separated by `|`; as the superuser, unless another address is named.
    func rows(_ sql: String, at address: String? = nil) async throws -> [String] {
        let url = if let address { address } else { try await databaseURL() }
        let text = try await run(["psql", "-X", "-A", "-t", "-c", sql, url])
        return text.split(separator: "\n").map(String.init)
    }

    func remove() async throws {
        try await shell("redis_stop \"$1\"; postgres_stop \"$1\"; rm -rf \"$1\"")
    }

    private func pid(_ store: String) -> Int32 {
        let text = try? String(contentsOf: folder.appending(path: "\(store)/pid"), encoding: .utf8)
        return text.flatMap { Int32($0.trimmingNewline) } ?? 0
    }

    private func end(_ pid: Int32, _ signal: Int32) async throws {
        guard pid > 1 else { return }
        kill(pid, signal)
        _ = await eventually(within: .seconds(20)) { kill(pid, 0) != 0 || Self.isZombie(pid) }
    }

    private static func isZombie(_ pid: Int32) -> Bool {
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ") X"
        return stat.split(separator: ")").last?.hasPrefix(" Z") ?? true
    }

    /// Foundation learns of a child's end by a descriptor that the child inherits; a server that it leaves behind must not keep it.
    private static let closingDescriptors = """
        setsid() {
            local fd
            for fd in /proc/self/fd/*; do if ((${fd##*/} > 2)); then eval "exec ${fd##*/}>&-"; fi; done
            exec setsid "$@"
        }

        """

    @discardableResult
    private func shell(_ script: String) async throws -> String {
        let library = Repository.root.appending(path: "scripts/lib").path()
        let parts = ["messages", "processes", "postgres", "redis"].map { ". '\(library)/\($0).sh'; " }.joined()
        return try await run(["bash", "-euc", parts + Self.closingDescriptors + script, "bash", folder.path()])
            .trimmingNewline
    }
}

enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The executable of the same build as these tests.
    static var executable: URL {
        if let path = ProcessInfo.processInfo.environment["MILLRACE_BINARY"] { return URL(filePath: path) }
        return root.appending(path: ".build/debug/millrace")
    }

    /// What tortures mills of its own.
    static let torture = root.appending(path: ".build/debug/MillraceTorture")

    /// The smallest program, a package of its own.
    static var example: URL { root.appending(path: "Examples/hello/.build/debug/hello") }

    /// Whether the example was built after the last change of the library, whose schema it must know.
    static var isExampleCurrent: Bool {
        func builtAt(_ file: URL) -> Date? {
            try? FileManager.default.attributesOfItem(atPath: file.path())[.modificationDate] as? Date
        }
        guard let example = builtAt(example), let library = builtAt(executable) else { return false }
        return example >= library
    }
}

extension String {
    var trimmingNewline: String { trimmingCharacters(in: .newlines) }
}
