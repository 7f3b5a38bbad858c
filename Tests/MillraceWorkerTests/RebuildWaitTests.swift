// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import MillraceWorker
import Synchronization
import Testing

/// How long a rebuild waits, and goes on with the wait of one that died, for what live workers may still declare.
@Suite("Waits of a rebuild", .timeLimit(.minutes(1))) struct RebuildWaitTests {
    @Test func `a queue of which nothing runs goes on soon, and a restart that kept the data is no warning`()
        async throws
    {
        var fixture = WorkerFixture()
        // Twice that would be longer than this test may take.
        fixture.configuration.extendInterval = .seconds(60)
        let log = LogLines()
        fixture.logger = log.logger
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            let before = try await fixture.submitter.submit(Count())
            try await fixture.expect(before, toBecome: .completed)
            fixture.broker.restart()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
            let after = try await fixture.submitter.submit(Count())
            try await fixture.expect(after, toBecome: .completed)
        }

        #expect(log.all.contains("info broker was restarted, queue is compared with the ledger"), "\(log.all)")
        #expect(log.all.contains("info queue rebuilt"), "\(log.all)")
        #expect(!log.all.contains { $0.hasPrefix("warning") }, "\(log.all)")
    }

    @Test func `a broker that lost its data is a warning`() async throws {
        var fixture = WorkerFixture()
        let log = LogLines()
        fixture.logger = log.logger

        try await fixture.whileWorking { _ in
            try await eventually(within: .seconds(10), "the queue has its epoch") {
                try await fixture.queueStatus().epoch != nil
            }
            fixture.broker.flush()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
        }

        #expect(log.all.contains("warning broker lost data, rebuilding queue from the ledger"), "\(log.all)")
    }

    /// A queue of which a job runs elsewhere, and rebuilds whose pauses pass on the stores' own clock.
    private final class Trial: Sendable {
        let clock = TestClock()
        let ledger: MemoryLedger
        let broker: MemoryBroker
        private let slept = Mutex<[Duration]>([])

        init() async throws {
            ledger = MemoryLedger(clock: clock)
            broker = MemoryBroker(clock: clock)
            let process = ProcessID(number: 666)
            let job = try NewJob(Count(), EnqueueOptions(), now: clock.timestamp)
            _ = try await ledger.accept(Submission(jobs: [job]))
            let token = LeaseToken(reservedAtMicroseconds: 1, process: process, lane: .normal)
            let lease = Lease(id: job.id, queue: .default, token: token)
            _ = try await ledger.claim([ClaimRequest(lease: lease)], process: process)
        }

        /// What it waits in all.
        func rebuild(diesAfter life: Duration? = nil) async throws -> (waited: Duration, isDone: Bool) {
            slept.withLock { $0 = [] }
            let rebuild = QueueRebuild(
                broker: broker, ledger: ledger, room: RoomWatch(broker: broker, logger: .quiet),
                extendInterval: .seconds(5)
            ) { [self] duration in
                slept.withLock { $0.append(duration) }
                clock.advance(by: min(life ?? duration, duration))
                if life != nil { broker.fail(.epoch, with: BrokerError(.unavailable, "its process died")) }
            }
            let lock = try #require(try await ledger.lockRebuild(of: .default))
            let result: QueueRebuild.Rebuilt?
            do {
                result = try await rebuild.run(.default, serverID: broker.serverID(), lock: lock)
            } catch {
                result = nil
            }
            await lock.release()
            return (slept.withLock { $0.reduce(.zero, +) }, result != nil)
        }
    }

    @Test func `a rebuild goes on with the wait of those that died on the way`() async throws {
        let trial = try await Trial()

        for left in [10, 7, 4] {
            let dead = try await trial.rebuild(diesAfter: .seconds(3))
            #expect(dead.waited == .seconds(left) && !dead.isDone)
        }
        let last = try await trial.rebuild()

        #expect(last.waited == .seconds(1) && last.isDone)
        #expect(try await trial.broker.epoch(of: .default) == Epoch(number: 4))
        #expect(try await trial.rebuild().waited == .seconds(10), "the next one waits anew")
    }

    @Test func `a rebuild waits anew when the broker has lost its data again`() async throws {
        let trial = try await Trial()
        _ = try await trial.rebuild(diesAfter: .seconds(9))

        trial.broker.flush()
        #expect(try await trial.rebuild(diesAfter: .seconds(9)).waited == .seconds(10))
        trial.broker.restart()
        #expect(try await trial.rebuild(diesAfter: .seconds(9)).waited == .seconds(10))

        #expect(try await trial.rebuild().waited == .seconds(1))
    }

    @Test func `data that are lost while a rebuild waits are not taken for what live workers have declared`()
        async throws
    {
        let trial = try await Trial()
        let rebuild = QueueRebuild(
            broker: trial.broker, ledger: trial.ledger, room: RoomWatch(broker: trial.broker, logger: .quiet),
            extendInterval: .seconds(5)
        ) { _ in trial.broker.flush() }
        let lock = try #require(try await trial.ledger.lockRebuild(of: .default))

        #expect(try await rebuild.run(.default, serverID: trial.broker.serverID(), lock: lock) == nil)

        #expect(try await trial.broker.status(of: [.default])[0].readyCount == 0)
    }

    @Test func `with a job that runs it waits for two extensions`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.extendInterval = .seconds(2)
        let (started, release) = fixture.registerGated()

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            let start = ContinuousClock.now
            fixture.broker.flush()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
            #expect(ContinuousClock.now - start >= .seconds(4))
            release.open()
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
    }
}
