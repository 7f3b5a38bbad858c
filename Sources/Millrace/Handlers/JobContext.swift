// SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// What a handler knows of its run, and what it can do besides its work.
public struct JobContext: Sendable {
    /// The idempotency key for every effect outside.
    public let id: JobID
    public let kind: JobKind
    public let queue: QueueName
    /// This run, counted from 1.
    public let attempt: Int
    /// Errors before this run.
    public let failures: Int
    /// Failures after which the job is dead.
    public let maxAttempts: Int
    /// When the handler is cancelled.
    public let deadline: ContinuousClock.Instant
    /// Carries the job's id, kind, queue and attempt.
    public let logger: Logger
    package let submitter: JobSubmitter
    /// Where an outcome that was committed together with the handler's own rows is left for the worker.
    package let committedOutcome: CommittedOutcome
    /// What the ledger needs to take the job in, when this run began without a row.
    package let unclaimed: UnrecordedJob?
    let steps: StepMemory

    package init(
        id: JobID, kind: JobKind, queue: QueueName, claim: Claim, deadline: ContinuousClock.Instant, logger: Logger,
        submitter: JobSubmitter, unclaimed: UnrecordedJob? = nil
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        attempt = claim.attempt
        failures = claim.failures
        maxAttempts = claim.maxAttempts
        self.deadline = deadline
        self.logger = logger
        self.submitter = submitter
        self.unclaimed = unclaimed
        committedOutcome = CommittedOutcome()
        steps = StepMemory(attempt: claim.attempt)
    }

    /// Whether a failure of this run is the job's last.
    public var isLast: Bool { failures + 1 >= maxAttempts }

    /// Submits a job at once, whatever becomes of this run; a run that is repeated submits it again.
    /// - Throws: ``LedgerError``, or for a job of durability `redis` ``BrokerError``; ``PayloadError`` when the job cannot be encoded.
    @discardableResult
    public func enqueue<J: Job>(_ job: J, _ options: EnqueueOptions = EnqueueOptions()) async throws -> JobID {
        try await submitter.submit(job, options)
    }
}

/// Set once, when a handler has committed its outcome itself.
package final class CommittedOutcome: Sendable {
    private let state = Mutex<RecordVerdict?>(nil)

    package init() {}

    package func set(_ verdict: RecordVerdict) {
        state.withLock { $0 = verdict }
    }

    package var verdict: RecordVerdict? { state.withLock { $0 } }
}
