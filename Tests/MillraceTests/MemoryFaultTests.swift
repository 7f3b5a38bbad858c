// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

/// What the memory stores do beyond the contracts: they fail on demand.
@Suite struct MemoryFaultTests {
    private let clock = TestClock()

    private func job() -> QueuedJob {
        var generator = SystemRandomNumberGenerator()
        let id = JobID(at: clock.timestamp, using: &generator)
        return QueuedJob(
            id: id, priority: .normal, delay: .zero,
            envelope: JobEnvelope(kind: "k", createdAt: id.time, payload: [0x31]))
    }

    private func newJob() -> NewJob {
        NewJob(id: job().id, kind: "k", payload: [0x31])
    }

    @Test func `a fault before its effect leaves everything as it was, as often as it is wished`() async throws {
        let broker = MemoryBroker(clock: clock)
        let job = job()
        broker.fail(.enqueue, times: 2, with: BrokerError(.unavailable, "for a test"))

        for _ in 0..<2 {
            let error = await #expect(throws: BrokerError.self) { try await broker.enqueue([job], into: "q") }
            #expect(error?.code == .unavailable)
        }

        #expect(try await broker.knows([job.id], in: "q") == [false])
        #expect(try await broker.enqueue([job], into: "q") == [.enqueued])
        #expect(broker.calls(of: .enqueue) == 3)
    }

    @Test func `a fault after its effect has done all that was asked`() async throws {
        let broker = MemoryBroker(clock: clock)
        let ledger = MemoryLedger(clock: clock)
        let (job, newJob) = (job(), newJob())
        broker.fail(.enqueue, .afterEffect, with: BrokerError(.outcomeUnknown, "for a test"))
        ledger.fail(.accept, .afterEffect, with: LedgerError(.outcomeUnknown, "for a test"))

        await #expect(throws: BrokerError.self) { try await broker.enqueue([job], into: "q") }
        await #expect(throws: LedgerError.self) { try await ledger.accept(Submission(jobs: [newJob])) }

        #expect(try await broker.knows([job.id], in: "q") == [true])
        #expect(try await ledger.jobs([newJob.id]).count == 1)
    }

    @Test func `a store that is away answers nothing, and comes back as it was`() async throws {
        let broker = MemoryBroker(clock: clock)
        let ledger = MemoryLedger(clock: clock)
        let (job, newJob) = (job(), newJob())
        _ = try await broker.enqueue([job], into: "q")
        _ = try await ledger.accept(Submission(jobs: [newJob]))

        broker.takeAway()
        ledger.takeAway()
        await #expect(throws: BrokerError.self) { try await broker.status(of: ["q"]) }
        await #expect(throws: BrokerError.self) { try await broker.waitForWork(in: ["q"], timeout: .seconds(60)) }
        await #expect(throws: LedgerError.self) { try await ledger.check() }
        broker.bringBack()
        ledger.bringBack()

        #expect(try await broker.knows([job.id], in: "q") == [true])
        #expect(try await ledger.jobs([newJob.id]).count == 1)
    }

    @Test func `a flushed broker has lost everything and is the same server, a restarted one the other way round`()
        async throws
    {
        let broker = MemoryBroker(clock: clock)
        let job = job()
        try await broker.configure("q", isPaused: false, epoch: Epoch(number: 1))
        _ = try await broker.enqueue([job], into: "q")
        let server = try await broker.serverID()

        broker.restart()
        #expect(try await broker.serverID() != server)
        #expect(try await broker.knows([job.id], in: "q") == [true])
        broker.flush()

        #expect(try await broker.knows([job.id], in: "q") == [false])
        #expect(try await broker.epoch(of: "q") == nil)
    }

    @Test func `a broken rebuild lock is no longer held`() async throws {
        let ledger = MemoryLedger(clock: clock)
        let lock = try #require(try await ledger.lockRebuild(of: "q"))

        ledger.breakRebuildLocks()

        #expect(await lock.isHeld() == false)
        #expect(try await ledger.lockRebuild(of: "q") != nil)
    }
}
