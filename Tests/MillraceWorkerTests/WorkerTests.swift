// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import MillraceWorker
import Synchronization
import Testing

@Suite("Worker", .timeLimit(.minutes(1))) struct WorkerTests {
    @Test func `a job runs once, its result is recorded, and the broker forgets it`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number + 1) }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(number: 41))
            try await fixture.expect(id, toBecome: .completed)

            let job = try await fixture.job(id)
            #expect(job.attempt == 1)
            #expect(job.failures == 0)
            #expect(job.result.map { String(decoding: $0, as: UTF8.self) } == #"{"next":42}"#)
            try await eventually(within: .seconds(5), "the broker forgets the job") {
                try await fixture.broker.knows([id], in: .default) == [false]
            }
        }
    }

    @Test func `whoever waits for a job hears of it when a claim finds that it has expired`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        let expiry = Timestamp.now() + .milliseconds(200)
        let id = try await fixture.submitter.submit(Count(), EnqueueOptions(expiresAt: expiry))
        await eventually("it has expired") { Timestamp.now() > expiry }
        let announcements = fixture.broker.announcements()
        // The claim shall find it, and no chore.
        fixture.ledger.fail(.expire, times: 100, with: LedgerError(.unavailable, "for a test"))

        try await fixture.whileWorking { _ in
            try await fixture.expect(id, toBecome: .cancelled)
            let heard = await announcements.first { $0 == .finished([id]) }
            #expect(heard != nil)
        }
    }

    @Test func `a job whose handler throws is tried again until its budget is spent`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { _, context in throw Oops(description: "no luck \(context.attempt)") }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .dead)

            let job = try await fixture.job(id)
            #expect(job.attempt == 3)
            #expect(job.failures == 3)
            #expect(job.errors.map(\.message) == ["no luck 1", "no luck 2", "no luck 3"])
        }
    }

    @Test func `what can never succeed is dead at once`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { _, _ in throw JobSignal.permanent("the card is stolen") }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .dead)

            let job = try await fixture.job(id)
            #expect(job.attempt == 1)
            #expect(job.errors.map(\.message) == ["the card is stolen"])
        }
    }

    @Test func `a snoozed job comes back at no cost`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, context in
            if context.attempt == 1 { throw JobSignal.snooze(.milliseconds(10)) }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed)

            let job = try await fixture.job(id)
            #expect(job.attempt == 2)
            #expect(job.failures == 0)
        }
    }

    @Test func `a payload that does not decode spends failures until the job is dead`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            var job = try NewJob(Count(), EnqueueOptions(maxAttempts: 1), now: .now())
            job.payload = Array(#"{"number":"one"}"#.utf8)
            _ = try await fixture.submitter.submit(Submission(jobs: [job]))
            try await fixture.expect(job.id, toBecome: .dead)

            let error = try #require(try await fixture.job(job.id).errors.first)
            #expect(error.message.hasPrefix("payload/number: "))
        }
    }

    @Test func `a handler past its time-out is cancelled, which is a failure`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, context in
            if context.attempt == 1 { try await ContinuousClock().sleep(for: .seconds(60)) }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), EnqueueOptions(timeout: .milliseconds(50)))
            try await fixture.expect(id, toBecome: .completed)

            let job = try await fixture.job(id)
            #expect(job.failures == 1)
            #expect(job.errors.first?.message.hasPrefix("timed out after ") == true)
        }
    }

    @Test func `a running job that an operator cancels is stopped and stays cancelled`() async throws {
        var fixture = WorkerFixture()
        let started = Gate()
        let stopped = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            started.open()
            do {
                try await ContinuousClock().sleep(for: .seconds(60))
            } catch {
                stopped.open()
                throw error
            }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            guard case .cancelled(let queue, let token, true) = try await fixture.ledger.cancel(id) else {
                Issue.record("not cancelled")
                return
            }
            try await fixture.broker.cancel(id, token: token, in: queue)
            try await stopped.wait()

            let job = try await fixture.job(id)
            #expect(job.state == .cancelled)
            #expect(try await fixture.broker.knows([id], in: .default) == [false])
        }
        #expect(fixture.ledger.calls(of: .record) == 0)
    }

    @Test func `a cancellation that comes after an operator's retry leaves the new run alone`() async throws {
        var fixture = WorkerFixture()
        let attempts = Mutex<[Int]>([])
        let release = Gate()
        fixture.handlers.register(Count.self) { job, context in
            attempts.withLock { $0.append(context.attempt) }
            if context.attempt == 2 { try await release.wait() }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed)
            let first = try await fixture.ledger.cancel(id)
            guard case .final(.completed, let queue, let token?) = first else {
                Issue.record("\(first)")
                return
            }
            _ = try await fixture.ledger.reopen(id)
            await eventually(within: .seconds(5), "it runs again") { attempts.withLock { $0 } == [1, 2] }

            for token in [token, nil] { try await fixture.broker.cancel(id, token: token, in: queue) }
            try await fixture.ledger.flagAgain([id])
            let extensions = fixture.broker.calls(of: .extend)
            await eventually(within: .seconds(5), "leases are extended") {
                fixture.broker.calls(of: .extend) >= extensions + 2
            }
            release.open()

            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 2)
        }
        #expect(attempts.withLock { $0 } == [1, 2])
    }

    @Test func `a kind without a handler is left for another worker at no cost`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        let job = NewJob(id: .fresh(), kind: "test.unknown", payload: Array("{}".utf8))

        try await fixture.whileWorking { _ in
            _ = try await fixture.submitter.submit(Submission(jobs: [job]))
            try await eventually(within: .seconds(5), "the job is put back") {
                try await fixture.queueStatus().scheduled == 1
            }
        }
        let record = try await fixture.job(job.id)
        #expect(record.attempt == 0)
        #expect(record.failures == 0)
        #expect(fixture.ledger.calls(of: .claim) == 0)
    }

    @Test func `an unreadable envelope is dropped, and the sweep brings a sound one`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            fixture.broker.fail(.enqueue, with: BrokerError(.unavailable, "away"))
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed, within: .seconds(20))
        }
    }

    @Test func `the queue is worked by priority`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.concurrency = 1
        let order = Mutex<[Int]>([])
        fixture.handlers.register(Count.self) { job, _ in
            order.withLock { $0.append(job.number) }
            return Count.Output(next: job.number)
        }
        for (number, priority) in [Priority.low, .normal, .high, .critical].enumerated() {
            _ = try await fixture.submitter.submit(Count(number: number), EnqueueOptions(priority: priority))
        }

        try await fixture.whileWorking { _ in
            await eventually(within: .seconds(5), "all jobs ran") { order.withLock { $0.count } == 4 }
        }
        #expect(order.withLock { $0 } == [3, 2, 1, 0])
    }
}

extension JobID {
    static func fresh() -> JobID {
        var generator = SystemRandomNumberGenerator()
        return JobID(at: .now(), using: &generator)
    }
}
