// SPDX-License-Identifier: Apache-2.0

import Testing

private func file(_ path: String, _ lines: String...) -> SourceFile {
    SourceFile(path: path, text: lines.joined(separator: "\n") + "\n")
}

private func swift(_ lines: String...) -> SourceFile {
    SourceFile(path: "Sources/Millrace/Job.swift", text: lines.joined(separator: "\n") + "\n")
}

private func repeated(_ line: String, _ count: Int) -> String {
    Array(repeating: line, count: count).joined(separator: "\n")
}

private func lines(_ violations: [Violation]) -> [Int] {
    violations.map(\.line)
}

/// Every rule can fail, and does so on the right line and for nothing else.
@Suite struct `A rule` {
    @Test func `on file sizes counts lines`() {
        #expect(Sizes.longFiles([swift(repeated("// x", 600))]).isEmpty)
        #expect(
            Sizes.longFiles([swift(repeated("// x", 601))]).map(\.description)
                == ["Sources/Millrace/Job.swift:601: the file has 601 lines, at most 600: one role per file"])
    }

    @Test func `on functions counts from the keyword to the last brace`() {
        let body = repeated("        step()", 68)

        #expect(Sizes.longFunctions([swift("struct S {", "    func a() {", body, "    }", "}")]).isEmpty)
        #expect(lines(Sizes.longFunctions([swift("struct S {", "    func a() {", body, "", "    }", "}")])) == [2])
        #expect(lines(Sizes.longFunctions([swift("    init(", "        a: Int", "    ) {", body, "    }")])) == [1])
    }

    @Test func `on functions is not misled by braces in strings, by defaults or by requirements`() {
        let body = repeated("        let a = Self.init { \"}\" } // }", 69)

        #expect(lines(Sizes.longFunctions([swift("func a(then: () -> Void = {}) {", body, "}")])) == [1])
        #expect(
            Sizes.longFunctions([
                swift("protocol P {", "  func a()", repeated("  // why", 80), "  var b: Int { get }", "}")
            ]).isEmpty)
        #expect(Sizes.longFunctions([swift("struct S {", body, "}")]).isEmpty)
    }

    @Test func `on licences knows what may come before them`() {
        let licence = "SPDX-License-Identifier: Apache-2.0"

        let good = [
            swift("// \(licence)"), file("Package.swift", "// swift-tools-version: 6.2", "// \(licence)"),
            file("scripts/test", "#!/usr/bin/env bash", "# \(licence)"),
            file("scripts/lib/a.sh", "# shellcheck shell=bash", "# \(licence)"), file("README.md", "# Millrace"),
        ]
        let bad = [
            swift("import Millrace"), swift(), file("Package.swift", "// swift-tools-version: 6.2", "import X"),
            file("scripts/test", "#!/usr/bin/env bash", "set -e"),
            file("Sources/CLibPQ/shim.h", "#include <libpq-fe.h>"),
        ]

        #expect(Headers.missingLicences(good).isEmpty)
        #expect(lines(Headers.missingLicences(bad)) == [1, 1, 2, 2, 1])
    }

    @Test func `on script headers wants the file's own name and a purpose`() {
        let good = [
            file("a/extend-leases.lua", "-- extend-leases: prolong"), file("a/m0001_jobs.sql", "-- m0001_jobs: make"),
        ]
        let bad = [
            file("a/extend-leases.lua", "-- extend_leases: prolong"), file("a/claim.sql", "-- claim: "),
            file("a/claim.sql", "SELECT 1"), file("a/claim.sql"),
        ]

        #expect(Headers.unnamedScripts(good).isEmpty)
        #expect(Headers.unnamedScripts(bad).count == 4)
    }

    @Test(arguments: [
        "print(1)", "Swift.print(1)", "  debugPrint(x)", "fatalError()", "let a = try! b()", "let a = b as! Int",
        "DispatchQueue.main.async {}", "Thread.sleep(forTimeInterval: 1)", "usleep(5)", "\"\\(print(1))\"",
    ])
    func `on banned calls finds each of them`(line: String) {
        #expect(lines(Calls.bannedCalls([swift("", line)])) == [2])
    }

    @Test(arguments: [
        "// print(1)", "/* try! */", "\"print(1)\"", "output.print(1)", "fingerprint(1)", "#\"fatalError(\"#",
        "`print(`()",
        "let a = b as? Int", "try await c()", "\"\"\"\n  print(1) \"try!\"\n\"\"\"",
    ])
    func `on banned calls lets pass what only looks like one`(line: String) {
        #expect(Calls.bannedCalls([swift("", line)]).isEmpty)
    }

    @Test func `on waits by the wall clock excepts what tortures`() {
        let line = "_ = semaphore.wait(timeout: .now() + .seconds(1))"

        #expect(lines(Calls.wallClockWaits([swift("let a = 1", line), swift("// \(line)", "a.wait()")])) == [2])
        #expect(Calls.wallClockWaits([file("Sources/MillraceTorture/Shell.swift", line)]).isEmpty)
    }

    @Test(arguments: [
        "Task {", "let a = Task<Void, any Error> {", "Task(priority: .high) { [a] in", "Task.detached {",
        "return Task.init {",
        "Task.immediate(name: a) {",
    ])
    func `on tasks wants a comment on the line above`(line: String) {
        #expect(lines(Calls.unexplainedTasks([swift("let a = 1", line)])) == [2])
        #expect(Calls.unexplainedTasks([swift("  // Shields the write, awaited below.", line)]).isEmpty)
    }

    @Test(arguments: ["group.addTask {", "Task.isCancelled", "try await Task.yield()", "// Task {"])
    func `on tasks lets pass what starts none`(line: String) {
        #expect(Calls.unexplainedTasks([swift("let a = 1", line)]).isEmpty)
    }

    @Test func `on sleeping in tests excepts the file that polls`() {
        let line = "try await Task.sleep(for: .seconds(1))"

        #expect(
            lines(Calls.sleepsInTests([file("Tests/MillraceTests/JobTests.swift", line, "Thread.sleep(1)")])) == [1, 2])
        #expect(Calls.sleepsInTests([file("Tests/MillraceTests/Eventually.swift", line)]).isEmpty)
    }

    @Test func `on unfinished work reads comments in every language`() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        let files = [
            swift("// \(marks[0]): x"), file("a/b.lua", "", "-- \(marks[1])"), file("scripts/x", "# (\(marks[2]))"),
        ]

        #expect(lines(Texts.unfinishedWork(files)) == [1, 2, 1])
        #expect(Texts.unfinishedWork([swift("mktemp -d a.\(marks[2])\(marks[2])", "METHODO" + "S")]).isEmpty)
    }

    @Test func `on machine paths tells them from parts of longer ones`() {
        let (work, home) = ("/wo" + "rk/", "/ho" + "me/")

        #expect(lines(Texts.machinePaths([swift("\(work)main", "// see \(home)me", "\"\(work)a\"")])) == [1, 2, 3])
        #expect(Texts.machinePaths([swift("https://host\(work)a", "/v1\(home)b", "~\(work)", "${x}\(work)")]).isEmpty)
    }

    @Test func `on imports holds each target to its table`() {
        let core = file(
            "Sources/Millrace/Job.swift", "public import Logging", "import Synchronization", "import NIOCore")
        let worker = file(
            "Sources/MillraceWorker/Lease.swift", "import NIOPosix", "import RedisDriver", "import Foundation")
        let unknown = file("Sources/Unheard/Of.swift", "// x")

        #expect(lines(Imports.foreignImports([core])) == [3])
        #expect(lines(Imports.foreignImports([worker])) == [2, 3])
        #expect(lines(Imports.foreignImports([unknown])) == [1])
    }

    @Test func `on imports allows Foundation where it stands in for FoundationEssentials`() {
        let condition = "#if canImport(FoundationEssentials)"

        #expect(
            Imports.foreignImports([
                swift(condition, "import FoundationEssentials", "#else", "import Foundation", "#endif")
            ]).isEmpty)
        #expect(lines(Imports.foreignImports([swift("#if os(Linux)", "import Foundation", "#endif")])) == [2])
    }

    @Test(arguments: [
        ("import NIOCore", "NIOCore"), ("@preconcurrency public import struct NIOCore.ByteBuffer", "NIOCore"),
        ("package import Yams", "Yams"), ("@testable import Millrace;", "Millrace"), ("  import A", "A"),
        ("let import = 1", nil), ("important(1)", nil),
    ])
    func `on imports reads every form of one`(line: String, module: String?) {
        #expect(Imports.importedModule(line) == module)
    }

    @Test func `on scripts wants each mentioned by its own target`() {
        let script = file("Sources/MillraceRedis/Scripts/extend-leases.lua", "-- extend-leases: x")
        let use = "load(PackageResources.extend_leases_lua)"

        #expect(Layout.unusedScripts([script, file("Sources/MillraceRedis/Broker.swift", use)]).isEmpty)
        #expect(Layout.unusedScripts([script, file("Sources/MillracePostgres/Broker.swift", use)]).count == 1)
        #expect(Layout.unusedScripts([script, file("Sources/MillraceRedis/Broker.swift", "// \(use)")]).count == 1)
        #expect(Layout.embeddedName(of: "1_a-b.c.sql") == "_a_b_c_sql")
    }

    @Test func `on folders compares them with the targets, both ways`() {
        let manifest = file(
            "Package.swift", "targets: [", "    .target(name: \"A\"),", "    .testTarget(", "        name: \"B\"),", "]"
        )

        let fitting = [file("Sources/A/a.swift"), file("Tests/B/b.swift")]
        let stray = [file("Sources/A/a.swift"), file("Sources/B/b.swift")]

        #expect(Layout.strayFolders(fitting, manifest).isEmpty)
        #expect(
            Layout.strayFolders(stray, manifest).map(\.description) == [
                "Package.swift:3: the target has no folder Tests/B",
                "Sources/B:1: the folder is no target of Package.swift",
            ])
    }
}
