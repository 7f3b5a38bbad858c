// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A Redis (append-only file on) and a PostgreSQL of the torture's own, started by the shell functions that `scripts/up` uses,
/// and everything that can be done to them from outside.
final class Stores: Sendable {
    enum Store: String, Sendable {
        case redis
        case postgres
    }

    let folder: URL
    private let library: String
    private let clocks: Clocks?

    /// - Parameters:
    ///   - root: the repository's.
    ///   - clocks: from which both have theirs; nil for the machine's.
    init(folder: URL, root: URL, clocks: Clocks?) {
        self.folder = folder
        library = root.appending(path: "scripts/lib").path()
        self.clocks = clocks
    }

    func startRedis() async throws { try await start(.redis, "redis_start \"$1\" durable") }
    func startPostgres() async throws { try await start(.postgres, "postgres_start \"$1\" throwaway") }

    private func start(_ store: Store, _ text: String) async throws {
        try await script(text, environment: try clocks?.environment(of: store.rawValue) ?? [:])
    }

    func stop() async throws { try await script("redis_stop \"$1\"; postgres_stop \"$1\"") }

    var redisPort: UInt16 { number("redis/port") }
    var postgresPort: UInt16 { number("postgres/port") }
    var redisPID: Int32 { number("redis/pid") }
    var postgresPID: Int32 { number("postgres/pid") }

    // MARK: - Redis

    func redis(_ arguments: String..., within seconds: Double = 20) async throws -> String {
        try await shell(["redis-cli", "-p", "\(redisPort)", "--raw"] + arguments, within: seconds)
    }

    func killRedis() async { await end(redisPID, SIGKILL) }
    func endRedis() async { await end(redisPID, SIGTERM) }

    /// The folder with the append-only file.
    private var data: URL { data(of: .redis) }
    private var copy: URL { folder.appending(path: "redis/older") }

    /// Keeps what Redis has written so far, as a backup taken while it runs.
    func copyRedis() async throws {
        try await shell(["bash", "-c", "rm -rf \"$2\" && cp -a \"$1\" \"$2\"", "bash", data.path(), copy.path()])
    }

    /// Puts the older copy in place; Redis must not run.
    func rewindRedis() async throws {
        guard FileManager.default.fileExists(atPath: copy.path()) else { return }
        // The folder itself stays: something may be mounted there.
        let script = "rm -rf \"$1\"/* && cp -a \"$2\"/. \"$1\""
        try await shell(["bash", "-c", script, "bash", data.path(), copy.path()])
    }

    /// Takes all data away; Redis must not run.
    func deleteRedisData() async throws {
        try await shell(["bash", "-c", "rm -rf \"$1\"/*", "bash", data.path()])
    }

    /// Cuts the newest bytes, as a loss of power does; Redis must not run.
    func cutRedisTail(bytes: Int) async throws {
        let script = """
            file=$(ls -t "$1"/appendonlydir/*.incr.aof | head -n 1)
            size=$(stat -c %s "$file")
            truncate -s $((size > $2 ? size - $2 : 0)) "$file"
            """
        try await shell(["bash", "-euc", script, "bash", data.path(), "\(bytes)"])
    }

    // MARK: - PostgreSQL

    var databaseURL: String { "postgresql://millrace@127.0.0.1:\(postgresPort)/postgres" }

    /// The rows of a query, columns separated by `|`.
    func rows(_ sql: String, within seconds: Double = 30) async throws -> [String] {
        let text = try await shell(["psql", "-X", "-A", "-t", "-q", "-c", sql, databaseURL], within: seconds)
        return text.split(separator: "\n").map(String.init)
    }

    /// No checkpoint, every connection cut: at the start the log is replayed.
    func crashPostgres() async { await end(postgresPID, SIGQUIT) }
    func endPostgres() async { await end(postgresPID, SIGINT) }

    /// The sessions, which are processes of their own.
    func backends() async -> [Int32] {
        let text = (try? await shell(["pgrep", "-P", "\(postgresPID)"])) ?? ""
        return text.split(separator: "\n").compactMap { Int32($0) }
    }

    /// For all sessions from now on but one that says otherwise.
    func setReadOnly(_ isReadOnly: Bool) async throws {
        try await shell([
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "SET default_transaction_read_only = off",
            "-c", "ALTER SYSTEM SET default_transaction_read_only = \(isReadOnly ? "on" : "off")",
            "-c", "SELECT pg_reload_conf()", databaseURL,
        ])
    }

    // MARK: - Disks

    func data(of store: Store) -> URL { folder.appending(path: "\(store.rawValue)/data") }

    /// Puts the data into a file system of their own, in memory; the store must not run, and may have data already.
    func mountDisk(of store: Store) async throws {
        let script = """
            mkdir -p "$1" "$1.before"
            cp -a "$1"/. "$1.before"
            mount -t tmpfs -o size=\(Self.diskSize) millrace-torture "$1"
            cp -a "$1.before"/. "$1"
            rm -rf "$1.before"
            """
        try await shell(["bash", "-euc", script, "bash", data(of: store).path()])
    }

    /// Takes all free room away. Whoever writes meanwhile makes the new size too small: then once more.
    func fillDisk(of store: Store) async throws {
        let script = """
            for _ in {1..50}; do
                read -r _ used < <(df --output=size,used -k "$1" | tail -n 1)
                if mount -o "remount,size=${used}k" "$1" 2>/dev/null; then exit 0; fi
            done
            exit 1
            """
        try await shell(["bash", "-euc", script, "bash", data(of: store).path()])
    }

    func emptyDisk(of store: Store) async throws {
        try await shell(["mount", "-o", "remount,size=\(Self.diskSize)", data(of: store).path()])
    }

    /// More than all jobs of a long run need.
    private static let diskSize = "8g"

    // MARK: -

    func isRunning(_ store: Store) -> Bool { isAlive(store == .redis ? redisPID : postgresPID) }

    private func end(_ pid: Int32, _ signal: Int32) async {
        guard pid > 1 else { return }
        kill(pid, signal)
        let hasEnded = await eventually(within: .seconds(30), every: .milliseconds(20)) { !isAlive(pid) }
        if !hasEnded { kill(pid, SIGKILL) }
    }

    private func number<Number: FixedWidthInteger>(_ file: String) -> Number {
        let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return text.flatMap { Number($0.trimmingCharacters(in: .newlines)) } ?? 0
    }

    /// A server that the shell leaves behind must not keep the descriptors by which Foundation learns of the shell's end.
    private static let closingDescriptors = """
        setsid() {
            local fd
            for fd in /proc/self/fd/*; do if ((${fd##*/} > 2)); then eval "exec ${fd##*/}>&-"; fi; done
            exec setsid "$@"
        }

        """

    private func script(_ text: String, environment: [String: String] = [:]) async throws {
        let parts = ["messages", "processes", "postgres", "redis"].map { ". '\(library)/\($0).sh'; " }.joined()
        try await shell(
            ["bash", "-euc", parts + Self.closingDescriptors + text, "bash", folder.path()], environment: environment)
    }
}
