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

    /// A job that waits in the suspects' lane, as after a crash that another supervisor has seen.
    private func quarantine(in fixture: Fixture) async throws -> JobID {
        var generator = SystemRandomNumberGenerator()
        let job = NewJob(
            id: JobID(at: .now(), using: &generator), kind: "test", queue: "photos", payload: Array("{}".utf8))
        _ = try await fixture.ledger.accept(Submission(jobs: [job]))
        var queued = QueuedJob(id: job.id, priority: .normal, delay: .zero, envelope: JobEnvelope(of: job))
        queued.isSuspect = true
        _ = try await fixture.broker.enqueue([queued], into: "photos")
        return job.id
    }

    /// Says what it is wanted for; what is for suspects ends by itself.
    private static let dutiful = "echo $MILLRACE_SUSPECTS; [ $MILLRACE_SUSPECTS = only ] && exit 0; exec sleep 100"

    @Test func `a process for suspects runs while there are some, and not without`() async throws {
        let fixture = try Fixture(pools: [Self.photos], Self.dutiful)

        try await fixture.run {
            await eventually("the pool") { fixture.said("photos") == ["leave", "leave"] }
            #expect(fixture.said("photos-alone") == [])
            let id = try await quarantine(in: fixture)
            await eventually("again and again") { fixture.said("photos-alone").count >= 2 }
            try await fixture.broker.cancel(id, token: nil, in: "photos")
            var last = (count: -1, looks: 0)
            await eventually("none is started any more") {
                let (count, looks) = (fixture.said("photos-alone").count, fixture.broker.calls(of: .status))
                if count != last.count { last = (count, looks) }
                return looks >= last.looks + 4
            }
        }

        #expect(fixture.said("photos-alone").allSatisfy { $0 == "only" })
        #expect(fixture.said("photos").count == 2)
    }

    /// Has a suspect run in the process that is there for it, which ends as `ending` says as soon as it runs.
    ///
    /// - Parameter says: the child says that the job's handler runs.
    private func runSuspect(
        _ ending: String, says: Bool = true, until isOver: (Fixture, JobID) async throws -> Bool
    ) async throws -> (job: JobRecord, fixture: Fixture) {
        let note = try TemporaryFile("")
        let flag = note.path + ".ready"
        let fixture = try Fixture(
            pools: [Self.photos],
            """
            echo $MILLRACE_SUSPECTS $MILLRACE_PROCESS_ID
            while [ $MILLRACE_SUSPECTS = leave ] || [ ! -e \(flag) ]; do sleep 0.02; done
            rm \(flag)
            \(says ? "cat \(note.path) >&4" : "")
            \(ending)
            """)
        let epoch = Epoch(number: 1)
        try await fixture.broker.configure("photos", isPaused: false, epoch: epoch)
        let id = try await quarantine(in: fixture)
        try Data([1] + id.bytes).write(to: URL(filePath: note.path))

        try await fixture.run {
            var runs = 0
            try await eventually(within: .seconds(30), "it is over") {
                let alone = fixture.said("photos-alone").filter { $0.hasPrefix("only ") }
                guard alone.count > runs else { return try await isOver(fixture, id) }
                let process = try #require(alone[runs].split(separator: " ").last.flatMap { ProcessID(String($0)) })
                let suspect = try await fixture.broker.reserveSuspect(from: "photos", epoch: epoch, process: process)
                guard let lease = suspect.jobs.first?.lease else { return try await isOver(fixture, id) }
                _ = try await fixture.ledger.claim([ClaimRequest(lease: lease, isAlone: true)], process: process)
                runs += 1
                try Data().write(to: URL(filePath: flag))
                return false
            }
        }
        return (try #require(try await fixture.ledger.jobs([id])[id]), fixture)
    }

    @Test func `the job that ran alone in a process that crashed is buried with its report, and the broker told`()
        async throws
    {
        let (job, fixture) = try await runSuspect("echo 'main.swift:1: Fatal error: boom'; kill -ILL $$") {
            fixture, _ in
            fixture.broker.calls(of: .complete) == 1
        }

        #expect(job.state == .dead)
        #expect(
            job.errors.map(\.message) == [
                "the process in which it ran alone ended by SIGILL\nmain.swift:1: Fatal error: boom"
            ])
        #expect(try await fixture.broker.knows([job.id], in: "photos") == [false])
    }

    @Test func `a job whose process exits each time it runs alone is buried at the third time, and says why`()
        async throws
    {
        let (job, fixture) = try await runSuspect("exit 3") { fixture, _ in fixture.broker.calls(of: .complete) == 1 }

        let report = "the process in which it ran alone ended with exit code 3"
        #expect(job.state == .dead)
        #expect([job.attempt, job.crashes, job.failures] == [3, 3, 0])
        #expect(
            job.errors.map(\.message) == [
                report, report, "buried after 3 lone runs of which none ended in order; the last one: \(report)",
            ])
        #expect(try await fixture.broker.knows([job.id], in: "photos") == [false])
    }

    @Test func `a job that was claimed in a process that crashed before its handler started is not blamed`()
        async throws
    {
        let (job, fixture) = try await runSuspect("kill -ILL $$", says: false) { fixture, id in
            try await fixture.broker.status(of: ["photos"])[0].readyCount == 1
        }

        #expect(fixture.ledger.calls(of: .blame) == 0)
        #expect(job.state == .running && job.errors.isEmpty && job.crashes == 0)
    }

    @Test func `nothing runs suspects of a paused queue, nor of a pool that was scaled to none`() async throws {
        let fixture = try Fixture(pools: [Self.photos], Self.dutiful)
        try await fixture.broker.configure("photos", isPaused: true, epoch: nil)
        _ = try await quarantine(in: fixture)

        try await fixture.run {
            await eventually("it has looked") { fixture.broker.calls(of: .status) >= 3 }
            #expect(fixture.said("photos-alone") == [])
            try await fixture.ledger.setPoolCount(0, pool: "photos")
            await eventually("it knows") { fixture.ledger.calls(of: .poolCounts) >= 3 }
            try await fixture.broker.configure("photos", isPaused: false, epoch: nil)
            let calls = fixture.broker.calls(of: .status)
            await eventually("it has looked again") { fixture.broker.calls(of: .status) >= calls + 3 }
            #expect(fixture.said("photos-alone") == [])
        }
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
