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
            try server.start()
            try await body(server)
        } catch {
            try server.remove()
            throw error
        }
        try server.remove()
    }

    var url: String {
        get throws { "postgresql://millrace@127.0.0.1:\(try number("port"))/postgres" }
    }

    func start() throws { try run("postgres_start '\(directory.path())' throwaway") }

    func stop() throws { try run("postgres_stop '\(directory.path())'") }

    /// Stops all processes of the server where they are.
    func freeze() throws { try signal("STOP") }

    func thaw() throws { try signal("CONT") }

    private func remove() throws {
        try? thaw()
        try stop()
        try FileManager.default.removeItem(at: directory)
    }

    private func signal(_ name: String) throws {
        let server = try number("pid")
        try run("kill -\(name) \(server); kill -\(name) $(ps -o pid= --ppid \(server))")
    }

    private func number(_ file: String) throws -> Int {
        let text = try String(contentsOf: directory.appending(path: "postgres/\(file)"), encoding: .utf8)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private func run(_ command: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let sources = ["messages", "processes", "postgres"].map { ". '\(scripts.path())/\($0).sh'" }
        process.arguments = ["bash", "-euc", (sources + [command]).joined(separator: "; ")]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
    }
}
