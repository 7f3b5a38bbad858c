// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Writes how attempts ended: first to the ledger, and only when that is committed to the broker.
///
/// Both run in batches that form by themselves while the batch before is under way. An outcome is kept until the ledger has it,
/// however long that is away, and its lease is extended all the while, so that nothing runs again; what the broker has to hear is
/// kept until it is back. The fetcher stops reserving at a bound of unrecorded outcomes.
///
/// Crash between the two writes: the job's row is final and its lease expires; whoever reserves it next learns at the claim that it
/// has ended, and acknowledges.
///
/// Change together: design "order of writes", `record-outcomes.sql`, `complete-jobs.lua`, `OutcomeWriterTests`.
actor OutcomeWriter {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let keeper: LeaseKeeper
    private let logger: Logger
    private var unrecorded: [Unrecorded] = []
    private var unacknowledged: [Acknowledgement] = []
    private var isStopping = false
    private var isLedgerAway = false
    private var recordBatchMax = Limits.storeBatchMax
    private var recordable = Signal()
    private var acknowledgeable = Signal()

    private struct Unrecorded {
        let lease: Lease
        let outcome: Outcome

        /// What follows from it once the ledger has it.
        var acknowledgement: Acknowledgement {
            let isFinal =
                switch outcome.ending {
                case .completed, .dead: true
                case .retry, .snooze, .release: false
                }
            return Acknowledgement(
                lease: lease, action: isFinal ? .complete(isAnnounced: true) : outcome.ending.action)
        }
    }

    private struct Acknowledgement {
        let lease: Lease
        let action: Action
    }

    /// What the broker is told of a lease that has served.
    enum Action: Hashable, Sendable {
        /// The job has ended; announced when this process ended it, or met it as one that had ended.
        case complete(isAnnounced: Bool)
        case retry(after: Duration)
        case release
        /// It runs alone or not at all.
        case quarantine
    }

    init(
        eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger, keeper: LeaseKeeper, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
        self.keeper = keeper
        self.logger = logger
    }

    /// Outcomes that the ledger does not have yet, those included that are being written.
    var unrecordedCount: Int { unrecorded.count }

    func record(_ outcome: Outcome, of lease: Lease) {
        unrecorded.append(Unrecorded(lease: lease, outcome: outcome))
        recordable.raise()
    }

    /// Tells the broker of leases whose jobs the ledger has settled already.
    func acknowledge(_ leases: [Lease], _ action: Action) {
        unacknowledged += leases.map { Acknowledgement(lease: $0, action: action) }
        acknowledgeable.raise()
    }

    /// Writes until it is cancelled.
    func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.recordLoop() }
                group.addTask { await self.acknowledgeLoop() }
            }
        } onCancel: {
            // Straight onto the event loop: a task would wait for the cooperative pool, which handlers may hog.
            eventLoop.execute { self.assumeIsolated { $0.stop() } }
        }
    }

    /// What is not written yet.
    struct Unwritten: Equatable {
        /// Outcomes that the ledger does not have.
        var outcomes: Int
        /// Leases of whose end the broker was not told, though the ledger has the outcomes.
        var acknowledgements: Int
    }

    /// Returns when everything is written, or at the deadline; tells what is left then.
    func flush(within timeout: Duration) async -> Unwritten {
        let deadline = ContinuousClock.now + timeout
        while !unrecorded.isEmpty || !unacknowledged.isEmpty {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { break }
            await eventLoop.sleep(for: min(left, .milliseconds(10)))
        }
        return Unwritten(outcomes: unrecorded.count, acknowledgements: unacknowledged.count)
    }

    private func stop() {
        isStopping = true
        recordable.raise()
        acknowledgeable.raise()
    }

    private func recordLoop() async {
        var backoff = LoopBackoff()
        while !isStopping {
            guard !unrecorded.isEmpty else {
                await withCheckedContinuation { recordable.add($0, unless: !unrecorded.isEmpty || isStopping) }
                continue
            }
            let batch = Array(unrecorded.prefix(recordBatchMax))
            if Safeguard.writeOrder.isOff { _ = await tell(batch.map(\.acknowledgement)) }
            Failpoint.reached(.endedNotRecorded)
            do throws(LedgerError) {
                let verdicts = try await ledger.record(batch.map(\.outcome))
                if batch.contains(where: { $0.outcome.unclaimed != nil }) {
                    Failpoint.reached(.insertedNotAcknowledged)
                }
                // Not to the full at once: an outcome that is tried again would spoil each of those batches.
                recordBatchMax = min(recordBatchMax * 2, Limits.storeBatchMax)
                backoff.reset()
                noteLedgerIsBack()
                // One step with what follows from it, so that `flush` never sees an outcome in neither list.
                unrecorded.removeFirst(batch.count)
                for (item, verdict) in zip(batch, verdicts) { settle(item, verdict) }
                await keeper.forget(zip(batch, verdicts).filter { $0.1 == .fenced }.map(\.0.lease))
            } catch {
                await handle(error, batch: batch)
                await eventLoop.sleep(for: backoff.next())
            }
        }
    }

    /// The ledger refused or could not be reached; nothing is given up, except one outcome that it keeps refusing by itself.
    private func handle(_ error: LedgerError, batch: [Unrecorded]) async {
        guard error.code == .rejected || error.code == .protocolViolation else {
            noteLedgerIsAway(error)
            return
        }
        if batch.count > 1 {
            recordBatchMax = batch.count / 2
        } else if error.code == .protocolViolation {
            // Nothing says that the outcome is at fault. It lets the others go first.
            unrecorded.append(unrecorded.removeFirst())
            logger.error(
                "outcome not taken, tried again",
                metadata: [.jobID: "\(batch[0].lease.id)", .error: "\(error)"])
        } else {
            let item = unrecorded.removeFirst()
            recordBatchMax = Limits.storeBatchMax
            logger.error(
                "outcome refused, its job will run again",
                metadata: [.jobID: "\(item.lease.id)", .attempt: "\(item.outcome.attempt)", .error: "\(error)"])
            await keeper.forget([item.lease])
        }
    }

    /// One line per outage, not one per attempt to end it.
    private func noteLedgerIsAway(_ error: LedgerError) {
        guard !isLedgerAway else { return }
        isLedgerAway = true
        logger.warning("outcomes wait for the ledger", metadata: [.count: "\(unrecorded.count)", .error: "\(error)"])
    }

    private func noteLedgerIsBack() {
        guard isLedgerAway else { return }
        isLedgerAway = false
        logger.info("the ledger takes outcomes again", metadata: [.count: "\(unrecorded.count)"])
    }

    private func settle(_ item: Unrecorded, _ verdict: RecordVerdict) {
        if case .recorded(let state) = verdict, let error = item.outcome.ending.error { note(error, of: item, state) }
        switch verdict {
        case .recorded(let state) where state.isFinal:
            acknowledge([item.lease], .complete(isAnnounced: true))
        case .settled(let state) where state.isFinal:
            acknowledge([item.lease], .complete(isAnnounced: false))
        case .recorded, .settled:
            acknowledge([item.lease], item.outcome.ending.action)
        case .fenced:
            logger.warning(
                "outcome fenced off, a newer attempt holds the job",
                metadata: [.jobID: "\(item.lease.id)", .attempt: "\(item.outcome.attempt)"])
        }
    }

    /// What a developer looks for first; the row has the whole of it.
    private func note(_ error: String, of item: Unrecorded, _ state: JobState) {
        let metadata: [LogKey: Logger.MetadataValue] = [
            .jobID: "\(item.lease.id)", .queue: "\(item.lease.queue)", .attempt: "\(item.outcome.attempt)",
            .error: "\(error.prefix(200))",
        ]
        if state == .dead {
            logger.warning("job is dead", metadata: metadata)
        } else {
            logger.info("attempt failed, job will be retried", metadata: metadata)
        }
    }

    private func acknowledgeLoop() async {
        var backoff = LoopBackoff()
        while !isStopping {
            guard !unacknowledged.isEmpty else {
                await withCheckedContinuation {
                    acknowledgeable.add($0, unless: !unacknowledged.isEmpty || isStopping)
                }
                continue
            }
            let batch = Array(unacknowledged.prefix(Limits.storeBatchMax))
            let failed = await tell(batch)
            // Only now: until the broker has it, `flush` counts it. Others only append meanwhile.
            unacknowledged.replaceSubrange(..<batch.count, with: failed)
            if failed.isEmpty {
                backoff.reset()
            } else {
                await eventLoop.sleep(for: backoff.next())
            }
        }
    }

    /// Returns what the broker could not be told.
    private func tell(_ batch: [Acknowledgement]) async -> [Acknowledgement] {
        var failed: [Acknowledgement] = []
        for (target, items) in Dictionary(grouping: batch, by: { Target(queue: $0.lease.queue, kind: $0.action.kind) })
        {
            let leases = items.map(\.lease)
            Failpoint.reached(target.kind.failpoint)
            do throws(BrokerError) {
                switch target.kind {
                case .complete:
                    let finished = items.filter { $0.action == .complete(isAnnounced: true) }.map(\.lease.id)
                    _ = try await broker.complete(leases, in: target.queue, announcing: finished)
                case .retry:
                    _ = try await broker.retry(items.map { ($0.lease, $0.action.delay) }, in: target.queue)
                case .release:
                    _ = try await broker.release(leases, in: target.queue)
                case .quarantine:
                    _ = try await broker.quarantine(leases, in: target.queue)
                }
                Failpoint.reached(.acknowledgedNotForgotten)
                await keeper.forget(leases)
            } catch {
                failed += items
                logger.debug(
                    "acknowledgements wait for the broker",
                    metadata: [.queue: "\(target.queue)", .count: "\(items.count)", .error: "\(error)"])
            }
        }
        return failed
    }

    private struct Target: Hashable {
        let queue: QueueName
        let kind: Action.Kind
    }
}

extension OutcomeWriter.Action {
    fileprivate enum Kind: Hashable {
        case complete, retry, release, quarantine

        var failpoint: Failpoint {
            switch self {
            case .complete: .recordedNotAcknowledged
            case .retry: .recordedNotRetried
            case .release, .quarantine: .recordedNotReleased
            }
        }
    }

    fileprivate var kind: Kind {
        switch self {
        case .complete: .complete
        case .retry: .retry
        case .release: .release
        case .quarantine: .quarantine
        }
    }

    fileprivate var delay: Duration {
        if case .retry(let delay) = self { delay } else { .zero }
    }
}

extension Outcome.Ending {
    /// nil when the attempt did not fail.
    fileprivate var error: String? {
        switch self {
        case .retry(_, let error), .dead(let error): error
        case .completed, .snooze, .release: nil
        }
    }

    /// What the broker is told when the job has not ended with it.
    fileprivate var action: OutcomeWriter.Action {
        switch self {
        case .retry(let delay, _), .snooze(let delay): .retry(after: delay)
        case .release: .release
        // The ledger said that the job is open again although this attempt ended it: an operator's retry came first.
        case .completed, .dead: .complete(isAnnounced: false)
        }
    }
}
