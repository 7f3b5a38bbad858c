// SPDX-License-Identifier: Apache-2.0

import Foundation
import PostgresDriver
import Testing

/// A PostgreSQL server of one test's own, which it may freeze, kill and start again on the same port.
final class PostgresServer: Sendable {
    private let directory: URL
    private let scripts: URL

    private init() throws {
        let tests = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        scripts = tests.deletingLastPathComponent().deletingLastPathComponent().appending(path: "scripts/lib")
        let temporary = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        directory = temporary.appending(path: "millrace-postgres-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    static func with<Value>(_ body: (PostgresServer) async throws -> Value) async throws -> Value {
        let server = try PostgresServer()
        do {
            try await server.start()
            let value = try await body(server)
            try await server.remove()
            return value
        } catch {
            try await server.remove()
            throw error
        }
    }

    func start() async throws { try await run("postgres_start '\(directory.path())' throwaway") }

    /// Ends all sessions with the server's farewell.
    func stop() async throws { try await run("postgres_stop '\(directory.path())'") }

    /// - Parameter options: what follows the `?` of the URL.
    func configuration(
        password: String? = nil, host: String = "127.0.0.1", options: String = ""
    ) throws -> PostgresConfiguration {
        let secret = password.map { ":\($0)" } ?? ""
        return PostgresConfiguration(
            url: "postgresql://millrace\(secret)@\(host):\(try number("port"))/postgres?\(options)")
    }

    func withPool<Value>(size: Int = 2, _ body: (PostgresPool) async throws -> Value) async throws -> Value {
        try await TestPostgres.withPool(configuration(), size: size, body)
    }

    /// Makes the server ask for passwords from now on.
    func requirePasswords() throws {
        let file = directory.appending(path: "postgres/data/pg_hba.conf")
        try "host all all 127.0.0.1/32 scram-sha-256\n".write(to: file, atomically: false, encoding: .utf8)
        kill(pid_t(try number("pid")), SIGHUP)
    }

    /// Makes the server speak TLS too from now on, as `localhost`.
    /// - Returns: the file of its certificate, which it signed itself.
    func enableTLS() async throws -> URL {
        let folder = directory.appending(path: "postgres/data")
        let certificate = folder.appending(path: "server.crt")
        let key = folder.appending(path: "server.key").path()
        try await run(
            """
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout '\(key)' \
                -out '\(certificate.path())' 2>/dev/null
            chmod 600 '\(key)'
            echo 'ssl = on' >>'\(folder.path())/postgresql.auto.conf'
            """)
        kill(pid_t(try number("pid")), SIGHUP)
        return certificate
    }

    /// Stops all processes of the server where they are, as if the machine had been cut off.
    func freeze() throws { try signalAll(SIGSTOP) }

    func thaw() throws { try signalAll(SIGCONT) }

    /// Ends all processes of the server without a farewell.
    func crash() throws { try signalAll(SIGKILL) }

    private func remove() async throws {
        try? thaw()
        try await stop()
        try FileManager.default.removeItem(at: directory)
    }

    private func signalAll(_ signal: Int32) throws {
        let server = pid_t(try number("pid"))
        kill(server, signal)
        for child in try Self.children(of: server) { kill(child, signal) }
    }

    private static func children(of parent: pid_t) throws -> [pid_t] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { pid in
            guard let line = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
            // After the name, which may hold anything: the state, then the parent.
            return line.split(separator: ")").last?.split(separator: " ").dropFirst().first == "\(parent)"
        }
    }

    private func number(_ file: String) throws -> Int {
        let text = try String(contentsOf: directory.appending(path: "postgres/\(file)"), encoding: .utf8)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// On a thread that may block: the few that run tests would be missed.
    private func run(_ command: String) async throws {
        // Foundation takes a process for running as long as anything holds the socket that it was born with, and a server
        // that outlives the shell would inherit it.
        let close = "for fd in /proc/$$/fd/*; do fd=${fd##*/}; if ((fd > 2)); then eval \"exec $fd>&-\"; fi; done"
        let sources = ["messages", "processes", "postgres"].map { ". '\(scripts.path())/\($0).sh'" }
        let script = ([close] + sources + [command]).joined(separator: "\n")
        let status = try await withCheckedThrowingContinuation { (exit: CheckedContinuation<Int32, any Error>) in
            DispatchQueue.global().async {
                let process = Process()
                process.executableURL = URL(filePath: "/usr/bin/env")
                process.arguments = ["bash", "-euc", script]
                process.standardInput = FileHandle.nullDevice
                process.standardOutput = FileHandle.nullDevice
                do {
                    try process.run()
                    process.waitUntilExit()
                    exit.resume(returning: process.terminationStatus)
                } catch {
                    exit.resume(throwing: error)
                }
            }
        }
        try #require(status == 0, "\(command)")
    }
}
