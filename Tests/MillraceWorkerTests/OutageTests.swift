// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import MillraceWorker
import Synchronization
import Testing

@Suite("Worker and its stores", .timeLimit(.minutes(1))) struct OutageTests {
    @Test func `a claim whose answer is lost is repeated, and the handler runs once`() async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, _ in
            runs.withLock { $0 += 1 }
            return Count.Output(next: job.number)
        }
        fixture.ledger.fail(.claim, times: 3, .afterEffect, with: LedgerError(.outcomeUnknown, "reply lost"))

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
        #expect(runs.withLock { $0 } == 1)
    }

    @Test func `an outcome whose answer is lost is recorded once`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        fixture.ledger.fail(.record, times: 2, .afterEffect, with: LedgerError(.outcomeUnknown, "reply lost"))

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed)
            try await eventually(within: .seconds(5), "the broker forgets the job") {
                try await fixture.broker.knows([id], in: .default) == [false]
            }
            #expect(try await fixture.job(id).attempt == 1)
        }
    }

    @Test func `while the ledger is away outcomes wait, leases are kept and nothing runs twice`() async throws {
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
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.ledger.takeAway()
            release.open()
            let before = fixture.ledger.calls(of: .record)
            await eventually(within: .seconds(5), "recording is tried again") {
                fixture.ledger.calls(of: .record) >= before + 3
            }
            #expect(try await fixture.queueStatus().running == 1)
            fixture.ledger.bringBack()

            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
        #expect(runs.withLock { $0 } == 1)
    }

    @Test func `acknowledgements wait for the broker`() async throws {
        var fixture = WorkerFixture()
        let (started, release) = fixture.registerGated()

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.broker.takeAway()
            release.open()
            try await fixture.expect(id, toBecome: .completed)
            fixture.broker.bringBack()

            try await eventually(within: .seconds(5), "the broker forgets the job") {
                try await fixture.broker.knows([id], in: .default) == [false]
            }
        }
    }

    @Test func `when the broker loses everything running jobs go on, and waiting ones come back from the ledger`()
        async throws
    {
        var fixture = WorkerFixture()
        fixture.configuration.concurrency = 2
        let runs = Mutex<[Int: Int]>([:])
        let started = Gate()
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            runs.withLock { $0[job.number, default: 0] += 1 }
            started.open()
            try await release.wait()
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            var ids: [JobID] = []
            for number in 0..<10 { ids.append(try await fixture.submitter.submit(Count(number: number))) }
            try await started.wait()
            fixture.broker.flush()
            try await eventually(within: .seconds(10), "the queue is rebuilt") {
                try await fixture.hasNewEpoch()
            }
            release.open()

            for id in ids {
                try await fixture.expect(id, toBecome: .completed)
                #expect(try await fixture.job(id).attempt == 1)
            }
        }
        #expect(runs.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, 1) }))
    }

    @Test func `another server with the old data gets a new epoch, and nothing that runs is lost`() async throws {
        var fixture = WorkerFixture()
        let (started, release) = fixture.registerGated()

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.broker.restart()
            try await eventually(within: .seconds(10), "the queue is rebuilt") {
                try await fixture.hasNewEpoch()
            }
            release.open()
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
    }

    @Test func `a job of a paused queue is given back`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        try await fixture.ledger.ensureQueue(.default)
        try await fixture.ledger.setPaused(true, queue: .default)

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await eventually(within: .seconds(5), "the job is given back") {
                let status = try await fixture.queueStatus()
                return status.isPaused && status.readyCount == 1 && status.running == 0
            }
            #expect(try await fixture.job(id).attempt == 0)

            try await fixture.ledger.setPaused(false, queue: .default)
            try await fixture.broker.configure(.default, isPaused: false, epoch: nil)
            try await fixture.expect(id, toBecome: .completed)
        }
    }

    @Test func `leases are extended while handlers hog the cooperative pool`() async throws {
        var fixture = WorkerFixture()
        let threads = ProcessInfo.processInfo.activeProcessorCount
        fixture.configuration.concurrency = threads
        let running = Atomic(0)
        fixture.handlers.register(Count.self) { job, _ in
            running.add(1, ordering: .relaxed)
            let deadline = ContinuousClock.now + .seconds(2)
            while ContinuousClock.now < deadline {}
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            for number in 0..<threads { _ = try await fixture.submitter.submit(Count(number: number)) }
            // This test's own tasks starve too, until the handlers are through.
            await eventually(within: .seconds(10), "every core is taken") {
                running.load(ordering: .relaxed) == threads
            }
        }
        // 40 on an idle machine; without an event loop of its own, those of before and after.
        #expect(fixture.broker.calls(of: .extend) >= 10)
    }

    @Test func `an outcome that the ledger answers with nonsense is kept, and recorded when it does not`() async throws
    {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
        fixture.ledger.fail(.record, times: 3, .beforeEffect, with: LedgerError(.protocolViolation, "XX000"))

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
    }

    @Test(arguments: [LedgerError.Code.unavailable, .outcomeUnknown, .overloaded])
    func `a handler that fails because the ledger is away spends nothing`(code: LedgerError.Code) async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, _ in
            if runs.withLock({
                $0 += 1; return $0
            }) == 1 {
                throw LedgerError(code, "away")
            }
            return Count.Output(next: job.number)
        }

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count(), EnqueueOptions(maxAttempts: 1))
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).failures == 0)
        }
    }

    @Test func `a queue that only the broker believes to be paused goes on`() async throws {
        var fixture = WorkerFixture()
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            let first = try await fixture.submitter.submit(Count())
            try await fixture.expect(first, toBecome: .completed)
            try await fixture.broker.configure(.default, isPaused: true, epoch: nil)
            let second = try await fixture.submitter.submit(Count())
            try await fixture.expect(second, toBecome: .completed)
            #expect(try await fixture.queueStatus().isPaused == false)
        }
    }

    @Test func `no handler starts when its lease was lost while the claim was under way`() async throws {
        var fixture = WorkerFixture()
        let runs = Mutex(0)
        fixture.handlers.register(Count.self) { job, _ in
            runs.withLock { $0 += 1 }
            return Count.Output(next: job.number)
        }
        var id: JobID?

        try await fixture.whileWorking { _ in
            try await eventually(within: .seconds(5), "the queue has its epoch") {
                try await fixture.broker.status(of: [.default]).first?.epoch != nil
            }
            fixture.ledger.fail(.claim, times: 10, .beforeEffect, with: LedgerError(.unavailable, "away"))
            id = try await fixture.submitter.submit(Count())
            try await eventually(within: .seconds(5), "the job is reserved") {
                try await fixture.queueStatus().running == 1
            }
            let lease = try #require(fixture.broker.snapshot(of: .default).leases.keys.first)
            try await fixture.broker.cancel(lease.id, token: lease.token, in: .default)
            try await eventually(within: .seconds(10), "the job is claimed") {
                try await fixture.job(try #require(id)).attempt == 1
            }
        }
        #expect(runs.withLock { $0 } == 0)
    }
}
