// SPDX-License-Identifier: Apache-2.0

/// What the ledger remembers of a job, without what may be large: payload, result and errors.
public struct JobSummary: Sendable, Equatable {
    public var id: JobID
    public var queue: QueueName
    public var kind: JobKind
    public var priority: Priority
    public var state: JobState
    /// Runs so far, counted by the claim.
    public var attempt: Int
    /// Errors so far: what spends the budget of `maxAttempts`.
    public var failures: Int
    /// Runs that ended without a word: their process died or lost its lease.
    public var crashes: Int
    /// It may have taken a process down, and waits to be run, or is run, alone.
    public var isSuspect: Bool
    /// A suspect that has not ended.
    public var isQuarantined: Bool { isSuspect && !state.isFinal }
    public var maxAttempts: Int
    public var timeout: Duration
    public var tags: [String]
    public var createdAt: Timestamp
    public var dueAt: Timestamp
    public var expiresAt: Timestamp?
    /// When its last claimed attempt began.
    public var startedAt: Timestamp?
    /// When it reached its final state.
    public var finishedAt: Timestamp?
    /// The process that claimed it last.
    public var worker: ProcessID?

    package init(
        id: JobID, queue: QueueName, kind: JobKind, priority: Priority, state: JobState, attempt: Int, failures: Int,
        crashes: Int, isSuspect: Bool = false, maxAttempts: Int, timeout: Duration, tags: [String],
        createdAt: Timestamp, dueAt: Timestamp, expiresAt: Timestamp?, startedAt: Timestamp?, finishedAt: Timestamp?,
        worker: ProcessID?
    ) {
        self.id = id
        self.queue = queue
        self.kind = kind
        self.priority = priority
        self.state = state
        self.attempt = attempt
        self.failures = failures
        self.crashes = crashes
        self.isSuspect = isSuspect
        self.maxAttempts = maxAttempts
        self.timeout = timeout
        self.tags = tags
        self.createdAt = createdAt
        self.dueAt = dueAt
        self.expiresAt = expiresAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.worker = worker
    }
}
