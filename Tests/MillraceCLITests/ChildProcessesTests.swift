// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import MillraceWorker
import Testing

@testable import MillraceCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("ChildProcesses", .timeLimit(.minutes(1)))
struct ChildProcessesTests {
    /// Runs one child and keeps what it says and how it ends.
    struct Fixture {
        let children: ChildProcesses
        private let lines: AsyncStream<String>
        private let end: @Sendable () -> Void

        init(executable: String = "/bin/sh") throws {
            let (lines, continuation) = AsyncStream.makeStream(of: String.self)
            children = try ChildProcesses(executable: executable) { name, _, line in
                continuation.yield("\(name): \(line)")
            }
            self.lines = lines
            end = { continuation.finish() }
        }

        struct Result {
            let end: ChildEnd
            let lines: [String]
            var ending: ChildEnding { end.ending }
        }

        func run(
            _ script: String, whileRunning: () -> Void = {}
        ) async throws -> Result {
            try await run(["-c", script], whileRunning: whileRunning)
        }

        /// Returns when the child has ended.
        func run(
            _ arguments: [String], environment: [String: String] = [:], memoryMax: ByteCount? = nil,
            leavesNote: Bool = false, whileRunning: () -> Void = {}
        ) async throws -> Result {
            let (endings, continuation) = AsyncStream.makeStream(of: ChildEnd.self)
            _ = try children.start(
                PoolPlan.ChildID(number: 1), name: "child", arguments: arguments, environment: environment,
                memoryMax: memoryMax, leavesNote: leavesNote
            ) { continuation.yield($0) }
            whileRunning()
            let childEnd = try #require(await endings.first { _ in true })
            end()
            return Result(end: childEnd, lines: await lines.reduce(into: []) { $0.append($1) })
        }
    }

    @Test func `output and error come line by line, the last one too`() async throws {
        let result = try await Fixture().run("echo one; echo two >&2; printf three")

        #expect(result.lines == ["child: one", "child: two", "child: three"])
        #expect(result.ending == .exited(0))
    }

    @Test func `the exit code is known`() async throws {
        #expect(try await Fixture().run("exit 69").ending == .exited(69))
    }

    @Test(arguments: [(SIGKILL, nil), (SIGTERM, nil), (SIGSEGV, "SIGSEGV"), (SIGILL, "SIGILL"), (SIGABRT, "SIGABRT")])
    func `the signal is known, and whether it came from within`(signal: Int32, name: String?) async throws {
        let ending = try await Fixture().run("kill -\(signal) $$; sleep 10").ending

        #expect(ending == .signalled(signal))
        #expect(ending.signalFromWithin == name)
    }

    @Test func `a child inherits no descriptor but its lifeline`() async throws {
        let stray = open("/dev/null", O_RDONLY)
        defer { close(stray) }
        let result = try await Fixture().run("ls /proc/$$/fd")

        #expect(result.lines == ["child: 0", "child: 1", "child: 2", "child: 3"])
    }

    @Test func `a child for suspects inherits its note, too, and what it left there is known at its end`() async throws
    {
        let script = "ls /proc/$$/fd; echo $MILLRACE_LONE_NOTE; printf '\\002abcdefghijklmnop' >&4; kill -KILL $$"
        let result = try await Fixture().run(["-c", script], leavesNote: true)

        #expect(result.lines == (0...4).map { "child: \($0)" } + ["child: 4"])
        let job = try #require(JobID(bytes: Array("abcdefghijklmnop".utf8)))
        #expect(result.end.loneRun == .stuck(job))
    }

    @Test func `a child sees the environment it is given and no other`() async throws {
        let result = try await Fixture(executable: "/usr/bin/env").run([], environment: ["A": "1", "B": "x y=z"])

        #expect(result.lines == ["child: A=1", "child: B=x y=z"])
    }

    @Test func `a child handles signals as if nobody had ignored any`() async throws {
        signal(SIGPIPE, SIG_IGN)

        #expect(try await Fixture().run("kill -PIPE $$; echo ignored").ending == .signalled(SIGPIPE))
    }

    @Test func `a child is in a process group of its own`() async throws {
        let result = try await Fixture().run("test $(cut -d' ' -f5 /proc/$$/stat) = $$")

        #expect(result.ending == .exited(0))
    }

    @Test func `a grandchild that keeps the pipe does not keep the child's end from being seen`() async throws {
        let result = try await Fixture().run("sleep 20 & echo $!")

        #expect(result.ending == .exited(0))
        if let pid = result.lines.first.flatMap({ pid_t($0.dropFirst("child: ".count)) }) { kill(pid, SIGKILL) }
    }

    @Test func `all are killed at once`() async throws {
        let fixture = try Fixture()

        let result = try await fixture.run("sleep 20") { fixture.children.killAll() }

        #expect(result.ending == .signalled(SIGKILL))
    }

    @Test func `a program that is not there is an error`() async throws {
        let children = try Fixture(executable: "/nowhere/millrace").children

        #expect(throws: CommandError.self) {
            _ = try children.start(PoolPlan.ChildID(number: 1), name: "x", arguments: [], environment: [:]) { _ in }
        }
    }
}
