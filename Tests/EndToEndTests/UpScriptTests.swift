// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `scripts/up` as a newcomer runs it, on the executable of these tests.
@Suite("scripts/up", .timeLimit(.minutes(3))) struct UpScriptTests {
    /// Runs the script in a folder of its own; its stores are stopped by it, or else by this.
    private func withScript(
        _ port: Int, _ body: (_ script: Child, _ state: URL) async throws -> Void
    ) async throws {
        let folder = URL(filePath: try await run(["mktemp", "-d", "/tmp/millrace-up.XXXXXX"]).trimmingNewline)
        try Data().write(to: folder.appending(path: "Package.swift"))
        let script = try start(port, folder)
        do {
            try await body(script, folder.appending(path: ".millrace"))
        } catch {
            print(script.log.suffix(20_000))
            script.signal(SIGTERM)
            _ = await script.exitCode(within: 60)
            throw error
        }
        script.signal(SIGTERM)
        _ = await script.exitCode(within: 60)
        try FileManager.default.removeItem(at: folder)
    }

    private func start(_ port: Int, _ folder: URL) throws -> Child {
        try Child(
            "up", Repository.root.appending(path: "scripts/up"), ["--package", folder.path(), "--port", "\(port)"],
            environment: ["MILLRACE_BINARY": Repository.executable.path()], logFolder: folder)
    }

    private func pid(_ store: String, _ state: URL) -> Int32? {
        let text = try? String(contentsOf: state.appending(path: "\(store)/pid"), encoding: .utf8)
        return text.flatMap { Int32($0.trimmingNewline) }
    }

    @Test(arguments: ["redis", "postgres"])
    func `a private store that is killed is started again, and work goes on`(store: String) async throws {
        try await withScript(Int.random(in: 10_000..<20_000)) { script, state in
            let isUp = await eventually(within: .seconds(60)) { script.log.contains("Millrace is up") }
            try #require(isUp, "\(script.log)")
            let old = try #require(pid(store, state))

            kill(old, SIGKILL)

            let isBack = await eventually(within: .seconds(60)) {
                script.log.contains("the private \(store) runs again")
            }
            #expect(isBack, "\(script.log)")
            #expect(pid(store, state) != old)
            let listing = try await run([
                "bash", "-c", ". \(state.path())/env && exec \(Repository.executable.path()) jobs list -o json",
            ])
            #expect(listing == #"{"jobs":[],"next":null}"# + "\n")
            script.signal(SIGTERM)
            #expect(await script.exitCode(within: 60) == 0)
            #expect(pid("redis", state) == nil && pid("postgres", state) == nil)
        }
    }

    @Test func `makes a key for development, which is kept from others and good the next time, too`() async throws {
        let port = Int.random(in: 10_000..<20_000)
        func status(_ key: String) async throws -> String {
            try await run([
                "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header",
                "Authorization: Bearer \(key)", "http://127.0.0.1:\(port)/v1/pools",
            ])
        }
        try await withScript(port) { script, state in
            try #require(
                await eventually(within: .seconds(60)) { script.log.contains("Millrace is up") }, "\(script.log)")
            let file = state.appending(path: "key")
            let key = try String(contentsOf: file, encoding: .utf8).trimmingNewline
            #expect(try await run(["stat", "--format", "%a", file.path()]).trimmingNewline == "600")
            #expect(script.log.contains(key) && script.log.contains("Authorization: Bearer"), "\(script.log)")
            #expect(try await status(key) == "200")
            script.signal(SIGTERM)
            #expect(await script.exitCode(within: 60) == 0)

            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path())
            let again = try start(port, state.deletingLastPathComponent())
            try #require(
                await eventually(within: .seconds(60)) { again.log.contains("Millrace is up") }, "\(again.log)")
            #expect(try String(contentsOf: file, encoding: .utf8).trimmingNewline == key)
            #expect(try await run(["stat", "--format", "%a", file.path()]).trimmingNewline == "600")
            #expect(try await status(key) == "200")
            // One that is no good any more is replaced.
            _ = try await run([
                "bash", "-c", ". \(state.path())/env && exec \(Repository.executable.path()) keys revoke \(key)",
            ])
            again.signal(SIGTERM)
            #expect(await again.exitCode(within: 60) == 0)
            let last = try start(port, state.deletingLastPathComponent())
            try #require(await eventually(within: .seconds(60)) { last.log.contains("Millrace is up") }, "\(last.log)")
            let other = try String(contentsOf: file, encoding: .utf8).trimmingNewline
            #expect(other != key)
            #expect(try await status(other) == "200")
            last.signal(SIGTERM)
            #expect(await last.exitCode(within: 60) == 0)
        }
    }

    @Test func `on a port that another program has it ends at once, and says so`() async throws {
        try await withScript(Int.random(in: 10_000..<20_000)) { script, state in
            let isUp = await eventually(within: .seconds(60)) { script.log.contains("Millrace is up") }
            try #require(isUp, "\(script.log)")
            let address = try #require(script.log.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)/))
            let port = try #require(Int(address.output.1))

            try await withScript(port) { second, _ in
                #expect(await second.exitCode(within: 60) == 2)
                #expect(second.log.contains("another program listens on 127.0.0.1:\(port)"), "\(second.log)")
            }
            let up = try Child(
                "up", URL(filePath: "/bin/bash"),
                ["-c", ". \(state.path())/env && exec \(Repository.executable.path()) up --port \(port)"],
                environment: [:], logFolder: state)
            #expect(await up.exitCode(within: 60) == 2, "\(up.log)")
            let last = up.log.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("millrace: 127.0.0.1:\(port): Address already in use: stop"), "\(up.log)")
            #expect(
                up.log.components(separatedBy: "process started").count
                    == up.log.components(separatedBy: "process ended").count)
            #expect(!up.log.contains("store is away"), "\(up.log)")
        }
    }
}
