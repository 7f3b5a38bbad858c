// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A PostgreSQL server of one test's own, which it may stop, freeze and start again on the same port.
final class OwnServer: Sendable {
    private let directory: URL
    private let scripts: URL

    private init() throws {
        let tests = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        scripts = tests.deletingLastPathComponent().deletingLastPathComponent().appending(path: "scripts/lib")
        let temporary = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        directory = temporary.appending(path: "millrace-ledger-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    static func with(_ body: (OwnServer) async throws -> Void) async throws {
        let server = try OwnServer()
        do {
            try await server.start()
            try await body(server)
        } catch {
            try await server.remove()
            throw error
        }
        try await server.remove()
    }

    var url: String {
        get throws { "postgresql://millrace@127.0.0.1:\(try number("port"))/postgres" }
    }

    func start() async throws { try await run("postgres_start '\(directory.path())' throwaway") }

    func stop() async throws { try await run("postgres_stop '\(directory.path())'") }

    /// Stops all processes of the server where they are.
    func freeze() async throws { try await signal("STOP") }

    func thaw() async throws { try await signal("CONT") }

    private func remove() async throws {
        try? await thaw()
        try await stop()
        try FileManager.default.removeItem(at: directory)
    }

    private func signal(_ name: String) async throws {
        let server = try number("pid")
        try await run("kill -\(name) \(server); kill -\(name) $(ps -o pid= --ppid \(server))")
    }

    private func number(_ file: String) throws -> Int {
        let text = try String(contentsOf: directory.appending(path: "postgres/\(file)"), encoding: .utf8)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private func run(_ command: String) async throws {
        let sources = ["messages", "processes", "postgres"].map { ". '\(scripts.path())/\($0).sh'" }
        // The server outlives the script and would keep descriptors of this process open, whose end others wait for.
        let closeOthers = #"for fd in /proc/$$/fd/*; do fd=${fd##*/}; if ((fd > 2)); then eval "exec $fd>&-"; fi; done"#
        let script = (["exec </dev/null >/dev/null", closeOthers] + sources + [command]).joined(separator: "; ")
        let status = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Self.spawn(["bash", "-euc", script])) }
        }
        try #require(status == 0, "\(command)")
    }

    /// Not by `Process`, which waits for the last of a program's descendants that got a certain descriptor.
    private static func spawn(_ arguments: [String]) -> Int32 {
        var list = arguments.map { strdup($0) } + [nil]
        defer { for argument in list { free(argument) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, arguments[0], nil, nil, &list, environ) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }
}
