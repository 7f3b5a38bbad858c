// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Runs handlers: one task a job, each with its time-out and its own cancellation.
///
/// A job's task is not a child of the fetcher's, so that one job can be cancelled apart from its neighbours; it is kept here by its
/// lease until its handler has returned. A handler that ignores its cancellation keeps its slot and its lease, is reported, and at
/// a number of those the process asks to be replaced: it is never released or retried behind its own back.
actor JobRunner {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// Whoever waits for the end wants to see that something happens.
    private static let drainNoteInterval: Duration = .seconds(3)

    private nonisolated let eventLoop: any EventLoop
    private let configuration: WorkerConfiguration
    private let submitter: JobSubmitter
    private let writer: OutcomeWriter
    private let keeper: LeaseKeeper
    private let blockingExecutor: BlockingExecutor?
    private let logger: Logger
    private var running: [Lease: Run] = [:]
    /// Runs whose handler has returned, and whose outcome the writer does not have yet.
    private var endingCount = 0
    private var slotFreed = Signal()
    private var isStopping = false
    /// What was said last of a lone run.
    private var noted = LoneRun.idle

    /// Why a handler was cancelled.
    private enum Cause {
        case timeout
        /// Its lease is gone, or an operator cancelled the job: whatever it returns, the fence decides.
        case lost
        case shutdown
    }

    private struct Run {
        let job: ClaimedJob
        let context: JobContext
        let startedAt = ContinuousClock.now
        var task: Task<Void, Never>?
        var timeout: Scheduled<Void>?
        var cause: Cause?
        var isStuck = false
    }

    init(
        eventLoop: any EventLoop, configuration: WorkerConfiguration, submitter: JobSubmitter, writer: OutcomeWriter,
        keeper: LeaseKeeper, hasBlockingHandlers: Bool, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.submitter = submitter
        self.writer = writer
        self.keeper = keeper
        blockingExecutor = hasBlockingHandlers ? BlockingExecutor(threads: configuration.concurrency) : nil
        self.logger = logger
    }

    var runningCount: Int { running.count }
    /// Nothing runs, and the writer has the outcome of all that ran.
    var isIdle: Bool { running.isEmpty && endingCount == 0 }
    var freeSlots: Int { max(0, configuration.concurrency - running.count) }
    /// Handlers that ran past their time-out and ignored their cancellation.
    var stuckCount: Int { running.values.count { $0.isStuck } }
    var mustBeReplaced: Bool { stuckCount >= configuration.stuckMax }

    /// The jobs that have run longest, at most so many, the longest first.
    func longestRunning(_ limit: Int) -> [WorkerReport.RunningJob] {
        let now = ContinuousClock.now
        return running.values.sorted { $0.startedAt < $1.startedAt }.prefix(limit).map { run in
            WorkerReport.RunningJob(
                id: "\(run.job.lease.id)", kind: run.job.envelope.kind.name, queue: run.job.lease.queue.name,
                attempt: run.job.claim.attempt, ranMilliseconds: (now - run.startedAt).milliseconds)
        }
    }

    private var mayFetcherGoOn: Bool { freeSlots > 0 || isStopping || mustBeReplaced }

    /// Returns when a slot is free, or after `stop`.
    func waitForFreeSlot() async {
        while !mayFetcherGoOn { await withCheckedContinuation { slotFreed.add($0, unless: mayFetcherGoOn) } }
    }

    /// Wakes whoever waits for a slot. Somebody has told this process to end.
    func stop() {
        isStopping = true
        // Of a handler that has returned, too: until its outcome is recorded its job is blamed for the end of the process.
        if case .running(let id) = noted { note(.stopping(id)) }
        slotFreed.raise()
    }

    /// Says what runs alone in this process, to whoever watches over it.
    func note(_ run: LoneRun) {
        noted = run
        configuration.onLoneRun?(run)
    }

    func start(_ job: ClaimedJob) {
        let lease = job.lease
        note(isStopping ? .stopping(lease.id) : .running(lease.id))
        var jobLogger = logger
        jobLogger[metadataKey: LogKey.jobID.rawValue] = "\(lease.id)"
        jobLogger[metadataKey: LogKey.jobKind.rawValue] = "\(job.envelope.kind)"
        jobLogger[metadataKey: LogKey.queue.rawValue] = "\(lease.queue)"
        jobLogger[metadataKey: LogKey.attempt.rawValue] = "\(job.claim.attempt)"
        let context = JobContext(
            id: lease.id, kind: job.envelope.kind, queue: lease.queue, claim: job.claim,
            deadline: .now + job.envelope.timeout, logger: jobLogger, submitter: submitter,
            unclaimed: job.unclaimed)
        running[lease] = Run(job: job, context: context)
        // Not a child: see the type's own words. `drain` waits until it has handed over its outcome.
        let task = Task(executorPreference: job.handler.options.isBlocking ? blockingExecutor : nil) {
            let result = await Self.handle(job, context)
            await self.ended(lease, result)
        }
        running[lease]?.task = task
        running[lease]?.timeout = eventLoop.scheduleTask(in: TimeAmount(job.envelope.timeout)) { [weak self] in
            self?.assumeIsolated { $0.timeOut(lease) }
        }
    }

    /// Cancels the handlers of leases that others may hold by now, or whose jobs were cancelled.
    func lose(_ leases: [Lease]) {
        for lease in leases { cancel(lease, because: .lost) }
    }

    /// Cancels the run that an operator cancelled, and not one that came after it.
    func lose(_ id: JobID, _ token: LeaseToken) {
        lose(running.keys.filter { $0.id == id && $0.token == token })
    }

    /// Returns when no handler runs any more; at the timeout it cancels those that do, and leaves those that ignore it.
    func drain() async {
        await waitUntilIdle(for: configuration.drainTimeout)
        for lease in running.keys { cancel(lease, because: .shutdown) }
        await waitUntilIdle(for: configuration.cancelGrace)
        for run in running.values {
            run.context.logger.warning("handler ignores its cancellation, its lease stays until this process has ended")
        }
    }

    private func waitUntilIdle(for timeout: Duration) async {
        let deadline = ContinuousClock.now + timeout
        var nextNote = ContinuousClock.now
        while !isIdle, ContinuousClock.now < deadline {
            if ContinuousClock.now >= nextNote {
                logger.info(
                    "draining, handlers still run",
                    metadata: [.count: "\(running.count)", .left: "\((deadline - .now).components.seconds)s"])
                nextNote += Self.drainNoteInterval
            }
            await eventLoop.sleep(for: .milliseconds(10))
        }
    }

    @concurrent
    private static func handle(_ job: ClaimedJob, _ context: JobContext) async -> Result<[UInt8], any Error> {
        do {
            return .success(try await job.handler.run(job.envelope.payload, context))
        } catch {
            return .failure(error)
        }
    }

    private func cancel(_ lease: Lease, because cause: Cause) {
        guard let run = running[lease], run.cause == nil || cause == .lost else { return }
        running[lease]?.cause = cause
        run.task?.cancel()
    }

    private func timeOut(_ lease: Lease) {
        cancel(lease, because: .timeout)
        running[lease]?.timeout = eventLoop.scheduleTask(in: .seconds(5)) { [weak self] in
            self?.assumeIsolated { $0.reportStuck(lease) }
        }
    }

    private func reportStuck(_ lease: Lease) {
        guard let run = running[lease] else { return }
        running[lease]?.isStuck = true
        run.context.logger.warning("handler ran past its time-out and ignores its cancellation")
        note(.stuck(lease.id))
        if mustBeReplaced { slotFreed.raise() }
    }

    private func ended(_ lease: Lease, _ result: Result<[UInt8], any Error>) async {
        guard let run = running.removeValue(forKey: lease) else { return }
        run.timeout?.cancel()
        endingCount += 1
        defer { endingCount -= 1 }
        slotFreed.raise()
        if run.context.committedOutcome.verdict != nil {
            await writer.acknowledge([lease], .complete(isAnnounced: true))
        } else if let ending = ending(of: run, result) {
            let outcome = Outcome(
                id: lease.id, attempt: run.job.claim.attempt, ending: ending, unclaimed: run.job.unclaimed)
            await writer.record(outcome, of: lease)
        } else {
            await keeper.forget([lease])
        }
    }

    /// nil when there is nothing to record: somebody else holds the job by now, or it was cancelled.
    private func ending(of run: Run, _ result: Result<[UInt8], any Error>) -> Outcome.Ending? {
        switch (result, run.cause) {
        case (.success(let output), _) where output.count > Limits.payloadBytesMax:
            return .dead(error: "the result has \(output.count) bytes, at most \(Limits.payloadBytesMax) can be stored")
        case (.success(let output), _):
            // Also after a cancellation: it did its work. Whether that still counts is the fence's to decide.
            return .completed(output)
        case (.failure, .lost):
            // A first attempt without a row may have been all that there was of its job: the broker may have lost its data and
            // been filled again before this run was declared. Where somebody else holds the job, the row says so.
            return run.job.unclaimed == nil ? nil : .release
        case (.failure, .shutdown):
            return .release
        case (.failure(let error), .timeout):
            if case .permanent(let reason) = error as? JobSignal { return .dead(error: Self.bounded(reason)) }
            return failure(of: run, "timed out after \(run.job.envelope.timeout)")
        case (.failure(let error), nil):
            return ending(of: run, thrown: error)
        }
    }

    private func ending(of run: Run, thrown error: any Error) -> Outcome.Ending {
        switch error {
        case JobSignal.permanent(let reason): .dead(error: Self.bounded(reason))
        case JobSignal.retry(let delay, let reason): .retry(after: delay, error: Self.bounded(reason))
        case JobSignal.snooze(let delay): .snooze(delay)
        // Not at once: what interrupted this run would interrupt the next one too.
        case is RunInterrupted: .snooze(.milliseconds(.random(in: 500...2000)))
        case let error as LedgerError where error.isStoreAway: .snooze(.milliseconds(.random(in: 500...2000)))
        case let error as BrokerError where error.isStoreAway: .snooze(.milliseconds(.random(in: 500...2000)))
        default: failure(of: run, Self.bounded("\(error)"))
        }
    }

    private func failure(of run: Run, _ error: String) -> Outcome.Ending {
        var generator = SystemRandomNumberGenerator()
        let delay = run.job.handler.options.backoff.delay(
            afterFailures: run.job.claim.failures + 1, using: &generator)
        return .retry(after: delay, error: error)
    }

    /// At most ``Limits/errorBytesMax`` bytes, cut between characters.
    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > Limits.errorBytesMax else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: Limits.errorBytesMax - 3)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "…"
    }
}

/// A job that may run: reserved, readable, known and claimed, or in its first attempt with durability `redis`.
struct ClaimedJob: Sendable {
    let lease: Lease
    let envelope: JobEnvelope
    let claim: Claim
    let handler: JobHandler
    /// Of a first attempt without a row; nil when it was claimed.
    var unclaimed: UnrecordedJob?
}
