// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import MillraceCLI

/// What `why` and `jobs show` say a job waits for.
@Suite("Explanations") struct ExplanationTests {
    /// With a job of `photos.store` in the queue `photos`, which has its epoch.
    private func fixture(delay: Duration = .zero, maxAttempts: Int = 3) async throws -> CommandFixture {
        let fixture = CommandFixture()
        try await fixture.accept(
            NewJob(
                id: try CommandFixture.id(1), kind: "photos.store", queue: "photos", payload: Array("{}".utf8),
                dueAt: delay > .zero ? fixture.clock.timestamp + delay : nil, maxAttempts: maxAttempts))
        let epoch = try await fixture.ledger.establishEpoch(of: "photos", serverID: "memory")
        try await fixture.broker.configure("photos", isPaused: false, epoch: epoch)
        return fixture
    }

    private func why(_ fixture: CommandFixture) async throws -> String {
        let outcome = await fixture.run("why", "\(try CommandFixture.id(1))")
        #expect(outcome.code == 0 && outcome.notes == [])
        return outcome.output
    }

    @Test func `nobody works`() async throws {
        let fixture = try await fixture()

        #expect(
            try await why(fixture)
                == "ready: no worker process gives word: start some by millrace up, or one by millrace work\n")
    }

    @Test func `nobody takes jobs from its queue`() async throws {
        let fixture = try await fixture()
        try await fixture.report(queues: ["default", "email"])
        try await fixture.report(queues: ["photos"], isDraining: true, process: ProcessID(number: 2))

        #expect(
            try await why(fixture).hasPrefix(
                "ready: no live worker process takes jobs from its queue photos (they take default, email): put it into "
            ))
    }

    @Test func `nobody has a handler for its kind`() async throws {
        let fixture = try await fixture()
        try await fixture.report(queues: ["photos"], kinds: ["email.send"])

        #expect(
            try await why(fixture) == "ready: no live worker process of its queue photos has a handler for the kind "
                + "photos.store (they know email.send)\n")
    }

    @Test func `a worker that does not tell its kinds may know it`() async throws {
        let fixture = try await fixture()
        try await fixture.report(queues: ["photos"], kinds: ["email.send"])
        try await fixture.report(queues: ["photos"], running: 3, process: ProcessID(number: 2))

        #expect(
            try await why(fixture) == "ready: a worker takes it soon: 1 jobs are ready in photos, and slots are free\n")
    }

    @Test func `all slots are in use`() async throws {
        let fixture = try await fixture()
        try await fixture.report(queues: ["photos"], kinds: ["photos.store"], running: 10)

        #expect(
            try await why(fixture).hasPrefix("ready: all 10 slots of the 1 worker processes that take jobs from photos")
        )
    }

    @Test func `its queue is paused`() async throws {
        let fixture = try await fixture()
        try await fixture.ledger.setPaused(true, queue: "photos")

        #expect(
            try await why(fixture)
                == "ready: its queue photos is paused; millrace queues resume photos lets it go on\n")
    }

    @Test func `the broker is away, was not told, or is being rebuilt`() async throws {
        let fixture = try await fixture()
        try await fixture.report(queues: ["photos"])
        try await fixture.broker.cancel(try CommandFixture.id(1), token: nil, in: "photos")
        // Takes the cancelled entry out for good.
        _ = try await fixture.broker.reserve(
            1, from: "photos", epoch: Epoch(number: 1), process: ProcessID(number: 1), backwards: false)
        #expect(try await why(fixture).hasPrefix("ready: Redis has not been told of it yet"))

        fixture.broker.setBytesMax(1)
        #expect(try await why(fixture).contains("it waits in PostgreSQL and is handed over as room appears"))
        fixture.broker.setBytesMax(nil)

        try await fixture.broker.configure("photos", isPaused: false, epoch: .rebuilding)
        #expect(try await why(fixture).contains("Redis has lost its data, and its queue photos is being rebuilt"))

        fixture.broker.takeAway()
        #expect(try await why(fixture).hasPrefix("ready: Redis does not answer, and without it nothing starts: "))
    }

    @Test func `it is due later, and what it meets then`() async throws {
        let fixture = try await fixture(delay: .seconds(300))

        #expect(
            try await why(fixture).hasPrefix(
                "scheduled: it was submitted to be due in 5m; then it meets this: no worker process gives word"))
    }

    @Test func `it failed and is tried again, then it is dead`() async throws {
        let fixture = try await fixture(maxAttempts: 2)
        try await fixture.report(queues: ["photos"])
        let first = try await fixture.start(1, in: "photos")
        try await fixture.end(first[0], .retry(after: .seconds(60), error: "no\nspace"))
        #expect(
            try await why(fixture).hasPrefix(
                #"scheduled: 1 of 2 failures, the next attempt is due in 60s; the last error: no\nspace"#))
    }

    @Test func `it runs, and its process gives word or not`() async throws {
        let fixture = try await fixture()
        _ = try await fixture.start(1, in: "photos")
        fixture.clock.advance(by: .seconds(30))
        #expect(try await why(fixture).hasPrefix("running: process 000000000000f00d, which claimed it, gives no word"))

        try await fixture.report(pool: "photos", queues: ["photos"], running: 1)
        #expect(
            try await why(fixture) == "running: it runs in process 000000000000f00d (pool photos, pid 4711 on mill-1), "
                + "for 30s in attempt 1\n")
    }

    @Test func `it is quarantined, and what for`() async throws {
        let fixture = try await fixture()
        let process = ProcessID(number: 0xF00D)
        let started = try await fixture.start(1, in: "photos")
        _ = try await fixture.ledger.blame(ProcessCrash(process: process, report: "ended by SIGILL"))
        let reason =
            "it is quarantined, as the process in which it ran crashed or was lost once, and runs alone until a run of "
            + "it ends in order; "
        try await fixture.report(queues: ["photos"], process: ProcessID(number: 2))
        #expect(try await why(fixture) == "ready: \(reason)a worker is about to move it to those that wait for that\n")

        _ = try await fixture.broker.quarantine(started.map(\.lease), in: "photos")
        #expect(
            try await why(fixture).hasPrefix(
                "ready: \(reason)1 of the queue photos wait for that, and no process that is there for them gives word: "
            ))

        let reserved = try await fixture.broker.reserveSuspect(
            from: "photos", epoch: Epoch(number: 1), process: process)
        let lease = try #require(reserved.jobs.first).lease
        _ = try await fixture.ledger.claim([ClaimRequest(lease: lease, isAlone: true)], process: process)
        try await fixture.report(queues: ["photos"], running: 1)
        #expect(try await why(fixture).hasPrefix("running: \(reason)it runs in process 000000000000f00d "))

        _ = try await fixture.ledger.blame(
            ProcessCrash(process: process, alone: lease.id, report: "exit code 3", isCertain: false))
        #expect(
            try await why(fixture).contains(
                "crashed or was lost 2 times, and runs alone until a run of it ends in order; "
                    + "the last error: exit code 3; a worker is about to"))
    }

    @Test func `one that has ended says how, and only an unfinished one has the line in jobs show`() async throws {
        let fixture = try await fixture()
        let shownBefore = await fixture.run("jobs", "show", "\(try CommandFixture.id(1))")
        let started = try await fixture.start(1, in: "photos")
        try await fixture.end(started[0], .dead(error: "no space"))
        let shownAfter = await fixture.run("jobs", "show", "\(try CommandFixture.id(1))")

        #expect(try await why(fixture) == "dead: it has been dead for 0ms: no space\n")
        #expect(shownBefore.output.contains("\nWHY          no worker process gives word"))
        #expect(!shownAfter.output.contains("WHY"))
        let json = await fixture.run("why", "\(try CommandFixture.id(1))", "-o", "json")
        #expect(json.output.hasSuffix(#","state":"dead","why":"it has been dead for 0ms: no space"}"# + "\n"))
        #expect(await fixture.run("why", "\(try CommandFixture.id(2))").code == 3)
    }

    @Test func `doctor names queues and kinds that nobody serves`() async throws {
        let fixture = try await fixture()
        try await fixture.accept(NewJob(id: try CommandFixture.id(2), kind: "email.send", payload: Array("{}".utf8)))
        try await fixture.report(queues: ["photos"], kinds: ["photos.resize"])

        let findings = try await WorkforceFindings.read(fixture.stores)

        #expect(
            findings.map(\.text) == [
                "1 worker processes give word",
                "no live worker process takes jobs from default, where 1 wait: put it into a pool of workers.yml, or run "
                    + "millrace work --queues default",
                "no live worker process of the queue photos has a handler for the kind photos.store, of which 1 wait",
            ])
        #expect(findings.map(\.severity) == [.ok, .warning, .warning])
    }
}
