// SPDX-License-Identifier: Apache-2.0

import Foundation
import RedisDriver
import Synchronization
import Testing

/// A Redis server of one test's own, which it may stop, kill and start again on the same port.
final class RedisServer: Sendable {
    let port: Int
    private let directory: URL
    private let arguments: [String]
    private let process = Mutex<Process?>(nil)

    var configuration: RedisConfiguration { RedisConfiguration(host: "127.0.0.1", port: port) }

    private init(port: Int, arguments: [String], directory: URL) {
        self.port = port
        self.arguments = arguments
        self.directory = directory
    }

    static func with<Value>(
        arguments: [String] = [], files: [String: String] = [:], _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let server = try RedisServer(port: freePort(), arguments: arguments, directory: directory)
        try await server.start()
        do {
            let value = try await body(server)
            server.kill()
            return value
        } catch {
            server.kill()
            throw error
        }
    }

    func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.currentDirectoryURL = directory
        process.arguments =
            ["redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", "\(port)"]
            + ["--enable-debug-command", "local"] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        try await eventually("the server listens") { try isListening() }
    }

    /// Kills the server without a farewell, and waits for its end.
    func kill() {
        let process = self.process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private func isListening() throws -> Bool {
        try Self.withSocket { socket, address in
            address.sin_port = in_port_t(port).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
    }

    static func freePort() throws -> Int {
        try withSocket { socket, address in
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
                }
            }
            try #require(isBound)
            return Int(in_port_t(bigEndian: address.sin_port))
        }
    }

    private static func withSocket<Value>(_ body: (Int32, inout sockaddr_in) throws -> Value) throws -> Value {
        #if os(Linux)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let handle = socket(AF_INET, stream, 0)
        try #require(handle >= 0)
        defer { close(handle) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return try body(handle, &address)
    }
}
