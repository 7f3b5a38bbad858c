// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Millrace
import MillraceTesting
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import MillraceWorker

@Suite("JobRunner", .timeLimit(.minutes(1))) struct JobRunnerTests {
    @Test func `a drain waits for outcomes that are on their way to the writer`() async throws {
        let fixture = Fixture()
        let isWriterBusy = Atomic(true)
        let mayWrite = DispatchSemaphore(value: 0)
        // The writer's event loop: what is handed to it waits.
        fixture.writersLoop.execute { mayWrite.wait() }
        await fixture.runner.start(fixture.job)
        await eventually(within: .seconds(10), "the handler has returned") { await fixture.runner.runningCount == 0 }

        async let wasBusy = {
            await fixture.runner.drain()
            return isWriterBusy.load(ordering: .sequentiallyConsistent)
        }()
        // The drain has looked several times by then, on the same event loop.
        try await fixture.eventLoop.scheduleTask(in: .milliseconds(200)) {}.futureResult.get()
        isWriterBusy.store(false, ordering: .sequentiallyConsistent)
        mayWrite.signal()

        #expect(await wasBusy == false)
        #expect(await fixture.writer.unrecordedCount == 1)
    }

    /// A runner whose writer is on another event loop, and writes nothing.
    private struct Fixture {
        let eventLoop: any EventLoop
        let writersLoop: any EventLoop
        let writer: OutcomeWriter
        let runner: JobRunner
        let job: ClaimedJob

        init() {
            let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
            let (eventLoop, writersLoop) = (loops.next(), loops.next())
            let (broker, ledger) = (MemoryBroker(), MemoryLedger())
            var configuration = WorkerFixture().configuration
            configuration.drainTimeout = .seconds(20)
            let epochs = QueueEpochs(
                eventLoop: eventLoop, broker: broker, ledger: ledger,
                room: RoomWatch(broker: broker, logger: .quiet), queues: [.default],
                extendInterval: configuration.extendInterval, logger: .quiet)
            let keeper = LeaseKeeper(
                eventLoop: eventLoop, broker: broker, epochs: epochs, interval: configuration.extendInterval,
                logger: .quiet)
            let writer = OutcomeWriter(
                eventLoop: writersLoop, broker: broker, ledger: ledger, keeper: keeper, logger: .quiet)
            var handlers = JobHandlers()
            handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }
            self.eventLoop = eventLoop
            self.writersLoop = writersLoop
            self.writer = writer
            runner = JobRunner(
                eventLoop: eventLoop, configuration: configuration,
                submitter: JobSubmitter(ledger: ledger, broker: broker, logger: .quiet), writer: writer,
                keeper: keeper, hasBlockingHandlers: false, logger: .quiet)
            let token = LeaseToken(reservedAtMicroseconds: 1, process: configuration.process, lane: .normal)
            guard let handler = handlers.handler(for: Count.kind) else { preconditionFailure("just registered") }
            let id = JobID.fresh()
            job = ClaimedJob(
                lease: Lease(id: id, queue: .default, token: token),
                envelope: JobEnvelope(kind: Count.kind, createdAt: id.time, payload: Array(#"{"number":1}"#.utf8)),
                claim: Claim(attempt: 1, failures: 0, maxAttempts: 3), handler: handler)
        }
    }
}
