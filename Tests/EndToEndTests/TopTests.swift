// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `millrace top` as a process on a real terminal, and without one.
@Suite("Top") struct TopTests {
    private static let top = [Repository.executable.path(), "top"]

    @Test(.timeLimit(.minutes(3)))
    func `the view fits its terminal, follows its size and gives it back`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            try mill.startWorker(concurrency: 2)
            _ = try await mill.submit(6, kind: "diagnostics.sleep", payload: { _ in #"{"ms":60000}"# })
            let top = try terminal(Self.top, mill)

            #expect(await top.shows("default      4        2"), "\(top.screen.lines)")
            #expect(await top.shows("diagnostics.sleep"), "\(top.screen.lines)")
            #expect(top.screen.isAlternate && top.screen.isCursorHidden && !top.isCooked)
            #expect(!top.screen.hasOverflown)

            top.resize(columns: 40, rows: 10)
            #expect(await top.shows("default", within: 2))
            #expect(await top.shows("… ", within: 2) || top.screen.lines.count == 10)
            #expect(!top.screen.hasOverflown)
            top.resize(columns: 120, rows: 40)
            #expect(await top.shows("UNPUSHED", within: 2), "\(top.screen.lines)")
            #expect(!top.screen.hasOverflown)

            top.type("q")
            #expect(await top.exitCode(within: 5) == 0)
            expectGivenBack(top)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `the terminal is given back whatever ends the view`() async throws {
        try await Mill.with { mill in
            for (signal, code) in [
                (SIGTERM, 0), (SIGINT, 0), (SIGHUP, 0), (SIGILL, -SIGILL), (SIGTRAP, -SIGTRAP), (SIGABRT, -SIGABRT),
                (SIGSEGV, -SIGSEGV), (SIGQUIT, -SIGQUIT),
            ] {
                let top = try terminal(Self.top, mill)
                #expect(await top.shows("no queues"))

                top.signal(signal)

                #expect(await top.exitCode(within: 10) == code, "signal \(signal)")
                expectGivenBack(top)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `Ctrl-Z gives the terminal back until the view comes to the front again`() async throws {
        try await Mill.with { mill in
            let script = "'\(Repository.executable.path())' top; echo stopped; fg > /dev/null; echo ended"
            let shell = try terminal(["bash", "--norc", "-mc", script], mill)
            #expect(await shell.shows("no queues"))

            shell.type("\u{1a}")
            let isBack = await eventually(within: .seconds(20)) {
                shell.output.components(separatedBy: TerminalScreen.enter).count >= 3
            }
            #expect(isBack)
            #expect(await shell.shows("no queues"))
            shell.type("q")

            #expect(await shell.exitCode(within: 10) == 0)
            let parts = shell.output.components(separatedBy: TerminalScreen.enter)
            #expect(parts[1].contains("\(TerminalScreen.leave)\r\n") && parts[1].contains("stopped"), "\(parts)")
            #expect(parts.last?.contains("ended") == true)
            #expect(shell.isCooked)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a store that is away is said so, and the view goes on`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            _ = try await mill.submit(3, kind: "diagnostics.echo", payload: { _ in "{}" })
            let top = try terminal(Self.top, mill)
            #expect(await top.shows("default      3"), "\(top.screen.lines)")

            try await mill.stores.killRedis()
            #expect(await top.shows("Redis: "), "\(top.screen.lines)")
            #expect(await top.shows("default      3"), "\(top.screen.lines)")
            try await mill.stores.startRedis()

            let isWell = await eventually(within: .seconds(30)) {
                !top.screen.lines.contains { $0.contains("Redis: ") }
            }
            #expect(isWell, "\(top.screen.lines)")
            top.type("q")
            #expect(await top.exitCode(within: 5) == 0)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `without a terminal there are plain lines, until nobody reads them`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            _ = try await mill.submit(3, kind: "diagnostics.echo", payload: { _ in "{}" })
            let command = "'\(Repository.executable.path())' top --interval 200ms"

            let lines = try await run(
                ["bash", "-o", "pipefail", "-c", "\(command) | head -n 3"], environment: mill.environment)
            let json = try await run(
                ["bash", "-o", "pipefail", "-c", "\(command) --output jsonl | head -n 2"], environment: mill.environment
            )

            #expect(lines.split(separator: "\n").count == 3)
            #expect(lines.split(separator: "\n").allSatisfy { $0.contains("Z queue=default ready=3 running=0 ") })
            #expect(!lines.contains("\u{1b}"))
            #expect(json.split(separator: "\n").allSatisfy { $0.contains(#""name":"default""#) })
            let dumb = try terminal(Self.top + ["--once"], mill, environment: ["TERM": "dumb"])
            #expect(await dumb.exitCode(within: 10) == 0)
            #expect(dumb.output.contains("queue=default") && !dumb.output.contains("\u{1b}"))
        }
    }

    private func terminal(
        _ arguments: [String], _ mill: Mill, environment: [String: String] = [:]
    ) throws -> TerminalChild {
        // The backtracer would wait half a minute for somebody to press a key.
        let settings = [
            "TERM": "xterm-256color", "NO_COLOR": "1", "SWIFT_BACKTRACE": "enable=no",
        ].merging(environment) { $1 }
        return try TerminalChild(
            arguments, environment: mill.environment.merging(settings) { $1 }, columns: 80, rows: 24)
    }

    private func expectGivenBack(_ top: TerminalChild, _ location: SourceLocation = #_sourceLocation) {
        #expect(top.output.contains(TerminalScreen.leave), sourceLocation: location)
        #expect(!top.screen.isAlternate && !top.screen.isCursorHidden, sourceLocation: location)
        #expect(top.isCooked, sourceLocation: location)
    }
}
