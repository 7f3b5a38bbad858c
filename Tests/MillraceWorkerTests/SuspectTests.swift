// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import MillraceWorker
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Suspects of a crash", .timeLimit(.minutes(1)))
struct SuspectTests {
    /// How many of these jobs run now, and the most that ran at a time.
    private final class Meter: Sendable {
        private let counts = Mutex((now: 0, max: 0, done: 0))

        var max: Int { counts.withLock { $0.max } }
        var done: Int { counts.withLock { $0.done } }

        func run() async {
            counts.withLock { counts in
                counts.now += 1
                counts.max = Swift.max(counts.max, counts.now)
            }
            await Task.yield()
            counts.withLock { counts in
                counts.now -= 1
                counts.done += 1
            }
        }
    }

    /// Jobs that were running in a process when it crashed; the broker has put them back where they came from.
    private func makeSuspects(
        _ count: Int, in fixture: WorkerFixture, timeout: Duration? = nil
    ) async throws -> [JobID] {
        var options = EnqueueOptions()
        options.timeout = timeout
        let process = ProcessID(number: 666)
        var ids: [JobID] = []
        for number in 0..<count { ids.append(try await fixture.submitter.submit(Count(number: number), options)) }
        let epoch = try await fixture.ledger.establishEpoch(of: .default, serverID: fixture.broker.serverID())
        try await fixture.broker.configure(.default, isPaused: false, epoch: epoch)
        let reserved = try await fixture.broker.reserve(
            count, from: .default, epoch: epoch, process: process, backwards: false)
        #expect(reserved.jobs.count == count)
        _ = try await fixture.ledger.claim(reserved.jobs.map { ClaimRequest(lease: $0.lease) }, process: process)
        let blame = try await fixture.ledger.blame(
            ProcessCrash(process: process, report: "ended by SIGILL"))
        #expect(blame.suspects.count == count)
        #expect(try await fixture.broker.releaseAll(of: process, in: .default) == count)
        return ids
    }

    @Test func `handlers that run for long keep neither ordinary jobs nor suspects waiting for ever`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .drain(after: .milliseconds(20))
        fixture.configuration.suspectDrainMax = .milliseconds(300)
        let log = LogLines()
        fixture.logger = log.logger
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            if job.number == 7 { try await release.wait() }
            return .init(next: job.number)
        }
        let suspect = try #require(try await makeSuspects(1, in: fixture).first)

        try await fixture.whileWorking { _ in
            let long = try await fixture.submitter.submit(Count(number: 7))
            try await fixture.expect(long, toBecome: .running)
            await eventually(within: .seconds(20), "it gives up being alone") {
                log.all.contains("warning other handlers still run, suspects wait on")
            }
            let other = try await fixture.submitter.submit(Count(number: 1))
            try await fixture.expect(other, toBecome: .completed)
            #expect(try await fixture.job(long).state == .running)
            release.open()
            try await fixture.expect(long, toBecome: .completed)
            try await fixture.expect(suspect, toBecome: .completed, within: .seconds(20))
        }
    }

    @Test func `a worker that leaves them to others moves them to their lane and goes on`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .leave
        let meter = Meter()
        fixture.handlers.register(Count.self) { job, _ in
            await meter.run()
            return .init(next: job.number)
        }
        let suspects = try await makeSuspects(3, in: fixture)

        try await fixture.whileWorking { _ in
            let other = try await fixture.submitter.submit(Count())
            try await fixture.expect(other, toBecome: .completed)
            try await eventually(within: .seconds(10), "they are in their lane") {
                try await fixture.queueStatus().quarantined == 3
            }
        }

        #expect(meter.done == 1)
        for id in suspects {
            let job = try await fixture.job(id)
            #expect(job.isQuarantined)
            #expect([job.attempt, job.failures, job.crashes] == [1, 0, 1])
        }
    }

    @Test func `a worker for them runs one at a time and nothing else, and ends when there is none`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .milliseconds(500))
        let meter = Meter()
        fixture.handlers.register(Count.self) { job, _ in
            await meter.run()
            return .init(next: job.number)
        }
        let suspects = try await makeSuspects(5, in: fixture)
        try await moveToTheirLane(in: fixture)
        let other = try await fixture.submitter.submit(Count())

        // It ends by itself.
        try await fixture.whileWorking { _ in
            for id in suspects { try await fixture.expect(id, toBecome: .completed) }
        }

        #expect(meter.max == 1)
        #expect(meter.done == 5)
        #expect(try await fixture.job(other).state == .ready)
        #expect(try await fixture.queueStatus().quarantined == 0)
        for id in suspects { #expect(try await fixture.job(id).isSuspect == false) }
    }

    @Test func `a worker for a number of them ends after these`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: 1, idleMax: .seconds(30))
        let meter = Meter()
        fixture.handlers.register(Count.self) { job, _ in
            await meter.run()
            return .init(next: job.number)
        }
        _ = try await makeSuspects(3, in: fixture)
        try await moveToTheirLane(in: fixture)

        try await fixture.untilItEnds()

        #expect(meter.done == 1)
        #expect(try await fixture.queueStatus().quarantined == 2)
    }

    /// What a process for suspects has said of its runs, repetitions left out.
    private final class Words: Sendable {
        private let said = Mutex<[LoneRun]>([])
        private let unsaid = Mutex<[JobID]>([])
        var all: [LoneRun] { said.withLock(\.self) }
        /// Jobs whose handlers started before it was said.
        var missing: [JobID] { unsaid.withLock(\.self) }

        func expect(_ id: JobID) {
            if all.last != .running(id) { unsaid.withLock { $0.append(id) } }
        }

        func append(_ run: LoneRun) {
            said.withLock { if $0.last != run { $0.append(run) } }
        }
    }

    @Test func `it says what it runs before it runs it, and that it is over when the ledger has the outcome`()
        async throws
    {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .milliseconds(200))
        let words = Words()
        let ledger = fixture.ledger
        let broker = fixture.broker
        fixture.configuration.onLoneRun = { words.append($0) }
        fixture.handlers.register(Count.self) { job, context in
            words.expect(context.id)
            ledger.fail(.record, times: 2, with: LedgerError(.unavailable, "for a test"))
            return .init(next: job.number)
        }
        let suspects = try await makeSuspects(2, in: fixture)
        try await moveToTheirLane(in: fixture)
        ledger.fail(.claim, times: 3, .afterEffect, with: LedgerError(.outcomeUnknown, "for a test"))

        try await fixture.untilItEnds()

        #expect(words.missing == [])
        let order = words.all
        try #require(order.count == 5)
        #expect(order == [.idle, order[1], .idle, order[3], .idle])
        #expect(Set([order[1], order[3]]) == Set(suspects.map { LoneRun.running($0) }))
        #expect(try await broker.status(of: [.default])[0].running == 0)
    }

    @Test func `a claim whose answer never comes is not said to run`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        let words = Words()
        fixture.configuration.onLoneRun = { words.append($0) }
        fixture.handlers.register(Count.self) { job, _ in .init(next: job.number) }
        let suspect = try await makeSuspects(1, in: fixture)[0]
        try await moveToTheirLane(in: fixture)
        fixture.ledger.fail(.claim, times: 10_000, .afterEffect, with: LedgerError(.outcomeUnknown, "for a test"))

        try await fixture.whileWorking { _ in
            try await fixture.expect(suspect, toBecome: .running)
            let process = fixture.configuration.process
            #expect(try await fixture.broker.releaseAll(of: process, in: .default) == 1)
            let calls = fixture.ledger.calls(of: .claim)
            await eventually(within: .seconds(20), "it asks on") { fixture.ledger.calls(of: .claim) >= calls + 2 }
        }

        #expect(words.all == [.idle])
        #expect(try await fixture.job(suspect).state == .running)
    }

    @Test func `it says that a job ignores its time-out`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        fixture.configuration.concurrency = 1
        fixture.configuration.stuckMax = 1
        let words = Words()
        fixture.configuration.onLoneRun = { words.append($0) }
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            // It does not look whether it was cancelled.
            await Task { try? await release.wait() }.value
            return .init(next: job.number)
        }
        let suspect = try await makeSuspects(1, in: fixture, timeout: .milliseconds(100))[0]
        try await moveToTheirLane(in: fixture)

        try await fixture.untilItEnds()

        #expect(words.all == [.idle, .running(suspect), .stuck(suspect)])
        release.open()
    }

    @Test func `it says that it was told to end, and still that a job ignores its time-out`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        fixture.configuration.concurrency = 1
        fixture.configuration.stuckMax = 1
        fixture.configuration.drainTimeout = .seconds(7)
        let words = Words()
        fixture.configuration.onLoneRun = { words.append($0) }
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            await Task { try? await release.wait() }.value
            return .init(next: job.number)
        }
        let suspect = try await makeSuspects(1, in: fixture, timeout: .seconds(1))[0]
        try await moveToTheirLane(in: fixture)

        try await fixture.whileWorking { group in
            await eventually(within: .seconds(10), "it runs") { words.all.last == .running(suspect) }
            await group.triggerGracefulShutdown()
            await eventually(within: .seconds(10), "it says so") { words.all.last == .stopping(suspect) }
            await eventually(within: .seconds(20), "it is stuck") { words.all.last == .stuck(suspect) }
        }

        #expect(words.all == [.idle, .running(suspect), .stopping(suspect), .stuck(suspect)])
        release.open()
    }

    @Test func `it says that it was told to end, also when the handler has returned and its outcome is not recorded`()
        async throws
    {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        let words = Words()
        fixture.configuration.onLoneRun = { words.append($0) }
        let meter = Meter()
        let ledger = fixture.ledger
        fixture.handlers.register(Count.self) { job, _ in
            ledger.takeAway()
            await meter.run()
            return .init(next: job.number)
        }
        let suspect = try await makeSuspects(1, in: fixture)[0]
        try await moveToTheirLane(in: fixture)

        try await fixture.whileWorking { group in
            await eventually(within: .seconds(10), "it has run") { meter.done == 1 }
            await group.triggerGracefulShutdown()
            await eventually(within: .seconds(10), "it says so") { words.all.last == .stopping(suspect) }
            ledger.bringBack()
        }

        #expect(words.all == [.idle, .running(suspect), .stopping(suspect)])
    }

    @Test func `what it has said of a stuck job stands when it is told to end`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        fixture.configuration.concurrency = 1
        // So that it does not end by itself.
        fixture.configuration.stuckMax = 2
        let words = Words()
        fixture.configuration.onLoneRun = { words.append($0) }
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            await Task { try? await release.wait() }.value
            return .init(next: job.number)
        }
        let suspect = try await makeSuspects(1, in: fixture, timeout: .milliseconds(100))[0]
        try await moveToTheirLane(in: fixture)

        try await fixture.whileWorking { _ in
            await eventually(within: .seconds(20), "it is stuck") { words.all.last == .stuck(suspect) }
        }

        #expect(words.all == [.idle, .running(suspect), .stuck(suspect)])
        release.open()
    }

    @Test func `the next one waits until the outcome of the one before is in the ledger`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .only(runsMax: nil, idleMax: .seconds(30))
        let meter = Meter()
        let ledger = fixture.ledger
        fixture.handlers.register(Count.self) { job, _ in
            // Whatever comes next, this outcome is not written.
            if meter.done == 0 { ledger.fail(.record, times: 3, with: LedgerError(.unavailable, "for a test")) }
            await meter.run()
            return .init(next: job.number)
        }
        let suspects = try await makeSuspects(2, in: fixture)
        try await moveToTheirLane(in: fixture)

        try await fixture.whileWorking { _ in
            for id in suspects { try await fixture.expect(id, toBecome: .completed) }
        }

        let jobs = try await [fixture.job(suspects[0]), fixture.job(suspects[1])]
        #expect(jobs.allSatisfy { $0.attempt == 2 })
        let times = jobs.map { ($0.startedAt, $0.finishedAt) }.sorted { ($0.0 ?? $0.1!) < ($1.0 ?? $1.1!) }
        #expect(try #require(times[0].1) <= #require(times[1].0))
    }

    @Test func `without anybody for them a worker drains, and runs them one at a time`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .drain(after: .milliseconds(200))
        let meter = Meter()
        let gate = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            if job.number == 100 { try await gate.wait() } else { await meter.run() }
            return .init(next: job.number)
        }
        let suspects = try await makeSuspects(4, in: fixture)
        let long = try await fixture.submitter.submit(Count(number: 100))

        try await fixture.whileWorking { _ in
            try await fixture.expect(long, toBecome: .running)
            try await eventually(within: .seconds(10), "it stops reserving") {
                let next = try await fixture.submitter.submit(Count(number: 7))
                return try await fixture.stays(next, .ready)
            }
            for id in suspects { #expect(try await fixture.job(id).isQuarantined) }
            gate.open()
            for id in suspects { try await fixture.expect(id, toBecome: .completed) }
            let last = try await fixture.submitter.submit(Count(number: 8))
            try await fixture.expect(last, toBecome: .completed)
        }

        for id in suspects { #expect(try await fixture.job(id).attempt == 2) }
    }

    @Test func `what somebody else runs is left to it`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.suspects = .drain(after: .milliseconds(50))
        fixture.handlers.register(Count.self) { job, _ in .init(next: job.number) }
        try await fixture.broker.report(
            WorkerReport(
                process: "0000000000000001", pid: 1, host: "other", pool: "p", queues: ["default"], concurrency: 1,
                running: 1, startedAtUnixMilliseconds: 0, isDraining: false, stuck: 0, isAlone: true))
        let suspects = try await makeSuspects(1, in: fixture)

        try await fixture.whileWorking { _ in
            let calls = fixture.broker.calls(of: .workers)
            await eventually(within: .seconds(10), "it has looked") { fixture.broker.calls(of: .workers) > calls + 3 }
        }

        #expect(try await fixture.job(suspects[0]).isQuarantined)
        #expect(fixture.broker.calls(of: .reserveSuspect) == 0)
    }

    /// What an ordinary worker does with them.
    private func moveToTheirLane(in fixture: WorkerFixture) async throws {
        let epoch = try #require(try await fixture.broker.epoch(of: .default))
        let reserved = try await fixture.broker.reserve(
            500, from: .default, epoch: epoch, process: ProcessID(number: 667), backwards: false)
        let answers = try await fixture.broker.quarantine(reserved.jobs.map(\.lease), in: .default)
        #expect(answers.allSatisfy { $0 })
    }
}

extension WorkerFixture {
    /// Whether a job is in a state for a while.
    fileprivate func stays(_ id: JobID, _ state: JobState) async throws -> Bool {
        let calls = broker.calls(of: .reclaim)
        await eventually(within: .seconds(10), "a while") { broker.calls(of: .reclaim) >= calls + 2 }
        return try await job(id).state == state
    }
}
