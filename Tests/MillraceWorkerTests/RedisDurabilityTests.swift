// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import MillraceWorker
import Synchronization
import Testing

/// Jobs that the ledger hears of when their first attempt has ended, or died.
@Suite("Durability redis", .timeLimit(.minutes(1))) struct RedisDurabilityTests {
    private let entrusted = EnqueueOptions(tags: ["t"], durability: .redis)

    @Test func `a first attempt is recorded without having been claimed`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number + 1) }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(number: 41), entrusted)
            try await fixture.expectRow(id, .completed)

            let job = try await fixture.job(id)
            #expect((job.attempt, job.failures, job.crashes) == (1, 0, 0))
            #expect(job.tags == ["t"])
            #expect(job.result.map { String(decoding: $0, as: UTF8.self) } == #"{"next":42}"#)
            #expect(job.worker == fixture.configuration.process)
            try await eventually(within: .seconds(5), "the broker forgets the job") {
                try await fixture.broker.knows([id], in: .default) == [false]
            }
        }
        #expect(fixture.ledger.calls(of: .accept) == 0)
        #expect(fixture.ledger.calls(of: .claim) == 0)
        #expect(fixture.ledger.calls(of: .adopt) == 0)
    }

    @Test func `its failures spend the budget like any other's`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { _, context in throw Oops(description: "no luck \(context.attempt)") }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), entrusted)
            try await fixture.expectRow(id, .dead)

            let job = try await fixture.job(id)
            #expect((job.attempt, job.failures, job.crashes) == (3, 3, 0))
            #expect(job.errors.map(\.message) == ["no luck 1", "no luck 2", "no luck 3"])
        }
    }

    @Test func `what a dead process had begun is claimed as the second attempt`() async throws {
        var fixture = WorkerFixture()
        let attempts = Mutex<[Int]>([])
        fixture.handlers.register(Count.self) { job, context in
            attempts.withLock { $0.append(context.attempt) }
            return Count.Output(next: job.number)
        }
        let id = try await fixture.submitter.submit(Count(), entrusted)
        let dead = ProcessID(number: 99)
        let epoch = Epoch(number: 1)
        try await fixture.broker.configure(.default, isPaused: false, epoch: epoch)
        let reserved = try await fixture.broker.reserve(
            1, from: .default, epoch: epoch, process: dead, backwards: false)
        #expect(reserved.jobs.map(\.isFirst) == [true])
        _ = try await fixture.broker.releaseAll(of: dead, in: .default)

        try await fixture.whileWorking { _ in
            try await fixture.expectRow(id, .completed)

            let job = try await fixture.job(id)
            #expect((job.attempt, job.failures, job.crashes) == (2, 0, 1))
        }
        #expect(attempts.withLock { $0 } == [2])
    }

    @Test(arguments: [false, true])
    func `a job whose row the ledger refuses waits, is reported once, and hinders no other`(isFirst: Bool) async throws
    {
        var fixture = WorkerFixture()
        fixture.configuration.concurrency = 10
        // None starts without a row.
        fixture.configuration.unclaimedStartMax = .zero
        let log = LogLines()
        fixture.logger = log.logger
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        var jobs = try (0..<7).map { try NewJob(Count(number: $0), entrusted, now: .now()) }
        jobs[4].payload = Array("{".utf8)
        try await fixture.submitter.entrust(jobs)
        if !isFirst {
            let dead = ProcessID(number: 99)
            let epoch = Epoch(number: 1)
            try await fixture.broker.configure(.default, isPaused: false, epoch: epoch)
            let reserved = try await fixture.broker.reserve(
                7, from: .default, epoch: epoch, process: dead, backwards: false)
            #expect(reserved.jobs.count == 7)
            _ = try await fixture.broker.releaseAll(of: dead, in: .default)
        }

        try await fixture.whileWorking { _ in
            for index in [0, 1, 2, 3, 5, 6] { try await fixture.expectRow(jobs[index].id, .completed) }
            try await eventually(within: .seconds(10), "it is put off") {
                try await fixture.queueStatus().scheduled == 1
            }
            #expect(try await fixture.broker.knows([jobs[4].id], in: .default) == [true])
        }

        #expect(log.all.count { $0.hasPrefix("error the ledger refuses the row of a job") } == 1)
        // Halved until it stands alone, and doubled again.
        #expect((4...10).contains(fixture.ledger.calls(of: .adopt)))
    }

    @Test func `a job that expired before its first attempt is cancelled and not run`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { _, _ in
            Issue.record("it ran")
            return Count.Output(next: 0)
        }
        var options = entrusted
        options.expiresAt = Timestamp.now() + .seconds(-1)
        let id = try await fixture.submitter.submit(Count(), options)

        try await fixture.whileWorking { _ in
            try await fixture.expectRow(id, .cancelled)
            try await eventually(within: .seconds(5), "the broker forgets the job") {
                try await fixture.broker.knows([id], in: .default) == [false]
            }
        }
    }

    @Test func `a first attempt that could not start at once is claimed, as its lease may be another's`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.unclaimedStartMax = .zero
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), entrusted)
            try await fixture.expectRow(id, .completed)

            let job = try await fixture.job(id)
            #expect((job.attempt, job.crashes) == (2, 0))
        }
        #expect(fixture.ledger.calls(of: .adopt) == 1)
        #expect(fixture.ledger.calls(of: .claim) == 1)
    }

    @Test func `a step gives the job its row, and its result survives a failure`() async throws {
        var fixture = WorkerFixture()
        let charges = Mutex(0)
        fixture.handlers.register(Count.self) { _, context in
            let charge = try await context.step("charge") {
                charges.withLock {
                    $0 += 1; return $0
                }
            }
            if context.attempt == 1 { throw Oops(description: "after the charge") }
            return Count.Output(next: charge)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), entrusted)
            try await fixture.expectRow(id, .completed)

            let job = try await fixture.job(id)
            #expect((job.attempt, job.failures) == (2, 1))
            #expect(job.result.map { String(decoding: $0, as: UTF8.self) } == #"{"next":1}"#)
        }
    }

    @Test func `while the ledger is away it is accepted and runs, and is recorded when the ledger is back`()
        async throws
    {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, _ in
            runs.withLock { $0 += 1 }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            // The queue gets its epoch while the ledger is there.
            let before = try await fixture.submitter.submit(Count(), entrusted)
            try await fixture.expectRow(before, .completed)
            fixture.ledger.takeAway()
            let id = try await fixture.submitter.submit(Count(), entrusted)
            await eventually(within: .seconds(10), "it runs") { runs.withLock { $0 } == 2 }
            await #expect(throws: LedgerError.self) { try await fixture.submitter.submit(Count()) }
            fixture.ledger.bringBack()

            try await fixture.expectRow(id, .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
        #expect(runs.withLock { $0 } == 2)
    }

    @Test func `what runs when Redis loses its data is declared again, and recorded once`() async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        let started = Gate()
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            runs.withLock { $0 += 1 }
            started.open()
            try await release.wait()
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), entrusted)
            try await started.wait()
            fixture.broker.flush()
            try await eventually(within: .seconds(10), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
            try await eventually(within: .seconds(10), "it is declared again") {
                try await fixture.broker.find(id) != nil
            }
            release.open()

            try await fixture.expectRow(id, .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
        #expect(runs.withLock { $0 } == 1)
    }

    @Test func `a first attempt that has lost its lease leaves its job a row, by which it runs again`() async throws {
        var fixture = WorkerFixture()
        let attempts = Mutex<[Int]>([])
        let started = Gate()
        fixture.handlers.register(Count.self) { job, context in
            attempts.withLock { $0.append(context.attempt) }
            if context.attempt == 1 {
                started.open()
                try await Gate().wait()  // until it is cancelled
            }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), entrusted)
            try await started.wait()
            let place = try #require(try await fixture.broker.find(id)?.place)
            guard case .leased(let token) = place else {
                Issue.record("\(place)")
                return
            }
            // Neither lease nor envelope is left, and no row: as when the broker lost its data and was filled again.
            try await fixture.broker.cancel(id, token: token, in: .default)

            try await fixture.expectRow(id, .completed)
        }
        #expect(attempts.withLock { $0 } == [1, 2])
    }

    @Test func `an envelope that cannot be read is kept where it is the only copy`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        let id = try await fixture.submitter.submit(Count(), entrusted)
        let epoch = Epoch(number: 1)
        try await fixture.broker.configure(.default, isPaused: false, epoch: epoch)
        let reservation = try await fixture.broker.reserve(
            1, from: .default, epoch: epoch, process: ProcessID(number: 99), backwards: false)
        var job = try #require(reservation.jobs.first)
        _ = try await fixture.broker.complete([job.lease], in: .default, announcing: [])
        job.envelope[job.envelope.count - 1] ^= 1
        _ = try await fixture.broker.redeclare([job], in: .default, by: Limits.lease)
        _ = try await fixture.broker.release([job.lease], in: .default)

        try await fixture.whileWorking { _ in
            try await eventually(within: .seconds(10), "it is put off") {
                try await fixture.queueStatus().scheduled == 1
            }
        }
        #expect(try await fixture.broker.knows([id], in: .default) == [true])
    }
}

extension WorkerFixture {
    /// As ``expect(_:toBecome:within:sourceLocation:)``, for a job that may have no row yet.
    fileprivate func expectRow(
        _ id: JobID, _ state: JobState, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually(within: .seconds(10), "the job becomes \(state)", sourceLocation: sourceLocation) {
            try await ledger.summaries([id])[id]?.state == state
        }
    }
}
