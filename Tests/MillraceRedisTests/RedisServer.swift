// SPDX-License-Identifier: Apache-2.0

import Foundation
import MillraceTesting
import RedisDriver
import Testing

/// A Redis server of one test's own, which it may fill, flush or stop.
struct RedisServer {
    let port: Int
    let process: Process

    var url: String { "redis://127.0.0.1:\(port)" }

    /// Runs a test with a fixture on a server of its own.
    static func withFixture<Value>(_ body: (RedisFixture) async throws -> Value) async throws -> Value {
        try await with { try await RedisFixture.with(url: $0.url, body) }
    }

    static func with<Value>(
        arguments: [String] = [], _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let server = try await start(arguments: arguments, in: directory)
        do {
            let value = try await body(server)
            await server.kill()
            return value
        } catch {
            await server.kill()
            throw error
        }
    }

    /// Takes a port by chance; a server that does not get it ends, and another one is tried.
    private static func start(arguments: [String], in directory: URL) async throws -> RedisServer {
        for _ in 0..<10 {
            let port = Int.random(in: 20_000..<32_000)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.currentDirectoryURL = directory
            process.arguments =
                ["redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", "\(port)"]
                + arguments
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let server = RedisServer(port: port, process: process)
            await eventually("the server answers or ends") {
                if !process.isRunning { return true }
                return await server.answers()
            }
            if process.isRunning { return server }
        }
        return try #require(nil as RedisServer?, "no free port was found")
    }

    /// Whether the server on the port is this one.
    private func answers() async -> Bool {
        // No answer is an answer.
        let id = try? await RedisClient.withClient(RedisConfiguration(url: url), logger: TestRedis.logger) { client in
            try await client.send(["INFO", "server"]).asText()
        }
        return id?.contains("process_id:\(process.processIdentifier)\r") == true
    }

    /// Ends the server without a farewell. It does not wait as `waitUntilExit` does, which blocks one of the few threads of all tests.
    func kill() async {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        await eventually("the server has ended") { !process.isRunning }
    }
}
