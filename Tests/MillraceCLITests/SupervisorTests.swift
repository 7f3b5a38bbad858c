// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The supervisor with a shell script in place of the program that it starts.
@Suite("Supervisor", .timeLimit(.minutes(1)))
struct SupervisorTests {
    private final class Fixture: Sendable {
        let ledger = MemoryLedger()
        let broker = MemoryBroker()
        let supervisor: Supervisor
        private let script: TemporaryFile

        /// - Parameter body: what a child does; `$1` is the subcommand, `$3` the pool.
        init(pools: [WorkersFile.PoolSettings], runsAPI: Bool = false, _ body: String) throws {
            script = try TemporaryFile("#!/bin/sh\n\(body)\n")
            chmod(script.path, 0o700)
            let lines = Lines()
            let processes = try ChildProcesses(executable: script.path) { lines.append(($0, $1, $2)) }
            self.lines = lines
            var file = WorkersFile()
            file.pools = pools
            supervisor = Supervisor(
                launch: Supervisor.Launch(
                    file: file, commonOptions: ["--log-level", "info"], apiOptions: ["--port", "1"],
                    environment: ["PATH": "/usr/bin:/bin"], runsAPI: runsAPI), processes: processes, broker: broker,
                ledger: ledger, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        }

        private let lines: Lines

        private final class Lines: Sendable {
            private let lines = Mutex<[(name: String, pid: pid_t, line: String)]>([])
            var all: [(name: String, pid: pid_t, line: String)] { lines.withLock { $0 } }

            func append(_ line: (String, pid_t, String)) {
                lines.withLock { $0.append((name: line.0, pid: line.1, line: line.2)) }
            }
        }

        func said(_ name: String) -> [String] { lines.all.filter { $0.name == name }.map(\.line) }
        var pids: [pid_t] { lines.all.map(\.pid) }

        /// Runs the supervisor while `body` watches it; then its children are told to end.
        func run(_ body: () async throws -> Void) async throws {
            // Ended below, whatever `body` does.
            let supervision = Task { try await supervisor.run() }
            do {
                try await body()
            } catch {
                supervision.cancel()
                throw error
            }
            supervision.cancel()
            try await supervision.value
        }
    }

    private static let photos = WorkersFile.PoolSettings(name: "photos", queues: ["photos", "default"], count: 2)
    private static let waiting = "trap 'echo ends; exit 0' TERM; echo $*; while :; do sleep 0.02; done"

    @Test func `it starts the API and each pool's processes, with their options`() async throws {
        let fixture = try Fixture(pools: [Self.photos], runsAPI: true, Self.waiting)

        try await fixture.run {
            await eventually("three processes") {
                fixture.said("photos") == Array(repeating: "work --pool photos --log-level info", count: 2)
                    && fixture.said("api") == ["serve --log-level info --port 1"]
            }
        }

        await eventually("all end") {
            fixture.said("photos").count { $0 == "ends" } == 2 && fixture.said("api").last == "ends"
        }
    }

    @Test func `an API that cannot work as it is told ends everything, at once and in order`() async throws {
        let fixture = try Fixture(
            pools: [Self.photos], runsAPI: true,
            "if [ $1 = serve ]; then sleep 0.2; exit 2; fi; trap 'echo ends; exit 0' TERM; echo $*; "
                + "while :; do sleep 0.02; done")

        await #expect(throws: APIRefused.self) { try await fixture.supervisor.run() }

        #expect(fixture.said("photos").count { $0 == "ends" } == 2)
    }

    @Test func `an API that ends in another way is started again`() async throws {
        let fixture = try Fixture(pools: [], runsAPI: true, "echo $1; exit 71")

        try await fixture.run {
            await eventually("started again") { fixture.said("api").count >= 2 }
        }
    }

    @Test func `a count in the ledger changes a pool while it runs`() async throws {
        let fixture = try Fixture(pools: [Self.photos], Self.waiting)
        func running() -> Int {
            fixture.said("photos").count { $0.hasPrefix("work") } - fixture.said("photos").count { $0 == "ends" }
        }

        try await fixture.run {
            await eventually("as the file says") { running() == 2 }
            try await fixture.ledger.setPoolCount(4, pool: "photos")
            await eventually("up") { running() == 4 }
            try await fixture.ledger.setPoolCount(0, pool: "photos")
            await eventually("down") { running() == 0 }
            try await fixture.ledger.setPoolCount(nil, pool: "photos")
            await eventually("back to the file's") { running() == 2 }
        }
    }

    @Test func `a crash is blamed before its leases are released, each time`() async throws {
        var pool = Self.photos
        pool.count = 1
        let fixture = try Fixture(pools: [pool], "echo $MILLRACE_PROCESS_ID; kill -SEGV $$")

        try await fixture.run {
            await eventually("two crashes are told") {
                fixture.ledger.calls(of: .blame) >= 2 && fixture.broker.calls(of: .releaseAll) >= 4
            }
        }

        let processes = fixture.said("photos")
        #expect(Set(processes).count == processes.count)
        #expect(processes.allSatisfy { ProcessID($0) != nil })
    }

    @Test func `a process that was killed is not blamed, but its leases are released`() async throws {
        let fixture = try Fixture(pools: [Self.photos], "kill -KILL $$")

        try await fixture.run {
            await eventually("released") { fixture.broker.calls(of: .releaseAll) >= 2 }
        }

        #expect(fixture.ledger.calls(of: .blame) == 0)
    }

    @Test func `a report waits for a store that is away`() async throws {
        var pool = Self.photos
        pool.count = 1
        let fixture = try Fixture(pools: [pool], "kill -ABRT $$")
        fixture.ledger.takeAway()

        try await fixture.run {
            await eventually("tried again") { fixture.ledger.calls(of: .blame) >= 2 }
            #expect(fixture.broker.calls(of: .releaseAll) == 0)
            fixture.ledger.bringBack()
            await eventually("told at last") { fixture.broker.calls(of: .releaseAll) >= 1 }
        }
    }

    @Test func `without the ledger it starts what the file says`() async throws {
        let fixture = try Fixture(pools: [Self.photos], Self.waiting)
        fixture.ledger.takeAway()

        try await fixture.run {
            await eventually("started") { fixture.said("photos").count == 2 }
        }
    }
}
