// SPDX-License-Identifier: Apache-2.0

/// What was accepted and what happened: the contract of PostgreSQL, and of whatever stands in for it.
///
/// The ledger is the truth. No handler starts without its claim, and every outcome is committed here before the broker hears of
/// it. Every verb may be repeated after an unknown outcome. "Now" is the ledger's own clock.
///
/// The rules themselves are ``JobLifecycle``; implementations apply them to many rows at once.
///
/// Change together: `LedgerConformance`, `MemoryLedger`, `PostgresLedger`.
public protocol JobLedger: QueueSettingsStore, APIKeyStore {
    /// Writes all jobs of a submission, or none. Concurrent submissions share a commit.
    ///
    /// A job whose id is there already is left as it is. Jobs due more than ``Limits/pushAheadMax`` ahead are flagged for the
    /// relay, and all of a submission that says so.
    /// - Throws: `.rejected` with the index of the job at fault, where one is; `.keyReused`, `.keyInFlight`.
    func accept(_ submission: Submission) async throws(LedgerError) -> Acceptance

    /// Takes the right to run jobs and issues their attempt numbers; one verdict per request, in order.
    ///
    /// At most ``Limits/storeBatchMax`` requests; of two with one id the one with the newer token stands.
    func claim(_ requests: [ClaimRequest], process: ProcessID) async throws(LedgerError) -> [ClaimVerdict]

    /// Takes in jobs that were accepted without it, each as it stands; one that has a row is left as it is.
    ///
    /// Whatever their age: what was accepted can be recorded.
    /// - Parameter jobs: at most ``Limits/storeBatchMax``, ids distinct.
    /// - Throws: `.rejected` when the data of one of them is refused; none is taken in then.
    func adopt(_ jobs: [UnrecordedJob]) async throws(LedgerError)

    /// Writes how attempts ended, each fenced by its attempt number; one verdict per outcome, in order.
    ///
    /// An outcome that brings its job along needs no row: unless there is one by now, the job is taken in as it ended.
    ///
    /// An outcome that the store refuses for its data ends its job as `dead`, with the reason as its error; its neighbours are
    /// not touched.
    func record(_ outcomes: [Outcome]) async throws(LedgerError) -> [RecordVerdict]

    /// Keeps what a step of a running attempt returned, fenced by the attempt's number.
    ///
    /// Of two with one name the first stands. Steps stay through retries and ``reopen(_:)``.
    /// - Parameter result: JSON.
    func recordStep(
        _ name: String, result: [UInt8], of id: JobID, attempt: Int
    ) async throws(LedgerError) -> StepVerdict

    /// A job's steps in the order in which they were recorded; none of a job that it does not know.
    func steps(of id: JobID) async throws(LedgerError) -> [RecordedStep]

    /// The jobs among these that it knows, without what may be large: for whoever waits for one to end.
    func summaries(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobSummary]

    /// The jobs among these that it knows. A job may have half a mebibyte.
    func jobs(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobRecord]

    /// Jobs, newest first. Reads at most 10,000 rows, so that a page may be short and still have a cursor.
    func list(_ query: JobQuery) async throws(LedgerError) -> JobPage

    /// Cancels a job that has not ended.
    ///
    /// The broker is told next, with the token of the verdict, and then ``flagAgain(_:)`` is called.
    func cancel(_ id: JobID) async throws(LedgerError) -> CancelVerdict

    /// Sets the relay's flag of those among these jobs that are open and not running; at most ``Limits/storeBatchMax`` ids. A
    /// flag that is set already is set anew, so that no push of before clears it.
    ///
    /// Called when the broker was told of a cancellation: an operator may have opened the job again before the broker heard
    /// of it, which then took the new entry out of its lane. And called for jobs that the broker does not know and has no
    /// room for. A running job keeps its lease, and would be `busy` for as long as it runs.
    func flagAgain(_ ids: [JobID]) async throws(LedgerError)

    /// An operator's retry: opens a job that has ended, with its failures and crashes forgotten and the relay's flag set.
    ///
    /// `attempt` goes on counting, so that old holders stay fenced off.
    func reopen(_ id: JobID) async throws(LedgerError) -> ReopenVerdict

    /// Rows that wait to be pushed and are due within ``Limits/pushAheadMax``, by queue and priority, without their payloads.
    ///
    /// Of more than `limit`, each queue gives as many, as far as it has them: nearly all of its highest priority, a sixteenth of
    /// that of the next and so on, but at least the first one of each. Where more than eight queues and priorities have any, a page
    /// may come back short.
    func flagged(limit: Int) async throws(LedgerError) -> [UnfinishedJob]

    /// Clears the relay's flag of jobs that have been pushed, each as it was when it was read for that by ``pushable(_:bytesMax:)``.
    ///
    /// A row that was written since keeps its flag: it may have been opened or flagged again, after a push that came too early
    /// for it.
    func clearFlags(_ pushed: [JobID: RowVersion]) async throws(LedgerError)

    /// What is pushed of those among these jobs that have not ended, in the order given; at most ``Limits/storeBatchMax`` ids.
    ///
    /// - Parameter bytesMax: of payloads; the page ends with the job that reaches it, so that there is always one.
    func pushable(_ ids: [JobID], bytesMax: Int) async throws(LedgerError) -> [PushableJob]

    /// Unflagged rows that have not ended, by queue and then by id, without their payloads: what the broker should know.
    ///
    /// A page costs as much as it has rows, however many wait for the relay.
    /// - Parameters:
    ///   - age: by the time in the id.
    ///   - after: the last one of the page before; nil for the first.
    ///   - queue: nil for all.
    func unfinished(
        age: Range<Duration>, in queue: QueueName?, after: UnfinishedJob?, limit: Int
    ) async throws(LedgerError) -> [UnfinishedJob]

    /// Makes suspects of all jobs that a process was running when it crashed; of one that ran suspects only the job that was
    /// running there is touched, which is dead, or a suspect still where the crash is none for certain and comes to it for
    /// less than the ``Limits/loneRunsMax``th time.
    ///
    /// A suspect is ready again, at no cost but a crash, and only a claim that runs it alone is granted. Repeating it for
    /// the same process changes nothing and answers with nothing.
    func blame(_ crash: ProcessCrash) async throws(LedgerError) -> Blame

    /// Flagged rows by queue, counted as far as ``Limits/flaggedCountedMax``.
    func flaggedCounts() async throws(LedgerError) -> [QueueName: FlaggedCount]

    /// Jobs that ended within the last hour and day, by queue.
    func finishedCounts() async throws(LedgerError) -> [QueueName: FinishedCounts]

    /// Sees to what must be there ahead of time (partitions), and forgets what is past its time (idempotency keys, finished
    /// jobs, API keys that have ended).
    func maintain() async throws(LedgerError)

    /// Cancels jobs whose time to begin is over and that do not run, at most `limit` of them; those that it has cancelled.
    ///
    /// The broker is told next, and then ``flagAgain(_:)`` is called, as after ``cancel(_:)``.
    /// - Parameter limit: 1…``Limits/storeBatchMax``.
    func expire(limit: Int) async throws(LedgerError) -> [ExpiredJob]

    /// Returns when a default job could be accepted now.
    func check() async throws(LedgerError)
}

/// Jobs to be accepted together, or not at all.
public struct Submission: Sendable {
    /// 1…``Limits/batchJobsMax``, ids distinct.
    public var jobs: [NewJob]
    public var idempotency: Idempotency?
    /// The relay is to push them, since the broker has no room for them now. Default false.
    public var isFlagged: Bool

    public init(jobs: [NewJob], idempotency: Idempotency? = nil, isFlagged: Bool = false) {
        self.jobs = jobs
        self.idempotency = idempotency
        self.isFlagged = isFlagged
    }
}

/// A caller's wish that a request be carried out once, however often it is sent.
public struct Idempotency: Sendable, Equatable {
    /// Whose key it is; keys of different callers never meet.
    public var scope: String
    public var key: String
    /// Tells this request from another with the same key.
    public var requestDigest: [UInt8]
    /// What the first request was answered, replayed for ``Limits/idempotencyRetention``.
    public var answer: [UInt8]

    public init(scope: String, key: String, requestDigest: [UInt8], answer: [UInt8]) {
        self.scope = scope
        self.key = key
        self.requestDigest = requestDigest
        self.answer = answer
    }
}

public enum Acceptance: Sendable, Equatable {
    case accepted
    /// The same request was accepted before: its answer.
    case replayed([UInt8])
}

/// A wish to run a job under a lease.
public struct ClaimRequest: Sendable, Equatable {
    public var lease: Lease
    /// Claims even with a token older than the row's: the broker has confirmed that the lease is owned (its clock went back).
    public var isForced: Bool
    /// Nothing else runs in the process, and nothing will until this job has ended: what a suspect needs.
    public var isAlone: Bool

    public init(lease: Lease, isForced: Bool = false, isAlone: Bool = false) {
        self.lease = lease
        self.isForced = isForced
        self.isAlone = isAlone
    }
}

public enum ClaimVerdict: Sendable, Equatable {
    /// Run it; nobody else holds this attempt.
    case run(Claim)
    /// The row carries a newer token: ask the broker whether the lease still stands.
    case stale
    /// It has ended (its expiry and a spent budget included, which this claim may have found): acknowledge and drop.
    case final(JobState)
    /// Not due for this long.
    case notDue(Duration)
    /// The queue is paused: give it back.
    case paused
    /// It may have taken a process down: it runs alone or not at all, so move it to the lane of such jobs.
    case suspect
    /// No such row, though partitions of its age exist.
    case missing
    /// No such row, and its age is past what the ledger keeps.
    case pruned
}

/// A granted claim.
public struct Claim: Sendable, Equatable {
    /// The fence that every later write carries.
    public var attempt: Int
    public var failures: Int
    public var maxAttempts: Int

    public init(attempt: Int, failures: Int, maxAttempts: Int) {
        self.attempt = attempt
        self.failures = failures
        self.maxAttempts = maxAttempts
    }
}

/// A job that was accepted without the ledger (durability `redis`), with what is known of its first attempt.
public struct UnrecordedJob: Sendable, Equatable {
    public enum Standing: Sendable, Equatable {
        /// No attempt has begun.
        case ready
        /// In its first attempt, which may have died.
        case running
        /// Cancelled by an operator; its first attempt may have begun.
        case cancelled
    }

    public var job: NewJob
    public var standing: Standing
    /// Of the lease under which its first attempt began; nil where that is not known.
    public var token: LeaseToken?
    /// By the worker's clock; only for showing.
    public var startedAt: Timestamp?

    package init(_ job: NewJob, _ standing: Standing, token: LeaseToken? = nil, startedAt: Timestamp? = nil) {
        self.job = job
        self.job.durability = .postgres
        self.standing = standing
        self.token = token
        self.startedAt = startedAt
    }

    /// The first one needs no claim, so its number is spent, begun or not: no claim issues it again.
    package var attempt: Int { 1 }
}

/// How an attempt ended.
public struct Outcome: Sendable, Equatable {
    public var id: JobID
    public var attempt: Int
    public var ending: Ending
    /// Of a first attempt that began without a row: what one is made of.
    public var unclaimed: UnrecordedJob?

    public enum Ending: Sendable, Equatable {
        /// The handler returned this JSON.
        case completed([UInt8])
        /// Another attempt after a delay, unless the budget is spent with this failure.
        case retry(after: Duration, error: String)
        /// No further attempt.
        case dead(error: String)
        /// Later, at no cost.
        case snooze(Duration)
        /// At once, at no cost: the run was cut short by us, not by the job.
        case release
    }

    public init(id: JobID, attempt: Int, ending: Ending, unclaimed: UnrecordedJob? = nil) {
        self.id = id
        self.attempt = attempt
        self.ending = ending
        self.unclaimed = unclaimed
    }
}

public enum RecordVerdict: Sendable, Equatable {
    /// Written now; the state that the job is in.
    case recorded(JobState)
    /// This attempt had ended before (a repeated call, or a cancellation): acknowledge.
    case settled(JobState)
    /// A newer attempt holds the job, or it is gone: drop the outcome.
    case fenced
}

/// The end of a process that its parent knows to be the work of what ran in it: a signal from within, or a limit of memory;
/// of one that ran a suspect also its exit, or that the suspect ignored its time-out.
///
/// A SIGKILL is none: anybody may send it.
public struct ProcessCrash: Sendable, Equatable {
    public var process: ProcessID
    /// The suspect whose handler was running, with nothing beside it; nil for a process that runs many jobs at a time.
    public var alone: JobID?
    /// What becomes an error of the job that ran alone: cause and backtrace, cut to ``Limits/errorBytesMax``.
    public var report: String
    /// One is enough to bury the job that ran alone.
    public var isCertain: Bool

    public init(process: ProcessID, alone: JobID? = nil, report: String, isCertain: Bool = true) {
        self.process = process
        self.alone = alone
        self.report = report
        self.isCertain = isCertain
    }

    /// The error of a job that this one buries.
    package var lastReport: String {
        isCertain
            ? report
            : "buried after \(Limits.loneRunsMax) lone runs of which none ended in order; the last one: \(report)"
    }
}

/// What a crash did to the jobs that ran: each with the lease under which it did, which the broker may still hold.
public struct Blame: Sendable, Equatable {
    public var suspects: [Lease]
    public var buried: [Lease]

    public init(suspects: [Lease] = [], buried: [Lease] = []) {
        self.suspects = suspects
        self.buried = buried
    }
}

/// Which jobs a listing wants; all criteria hold at once.
public struct JobQuery: Sendable, Equatable {
    public var queue: QueueName?
    /// The queues that the caller may see; nil for all.
    public var visibleQueues: Set<QueueName>?
    public var state: JobState?
    public var kind: JobKind?
    /// The cursor of the page before.
    public var before: JobID?
    /// 1…500.
    public var limit: Int

    public init(
        queue: QueueName? = nil, visibleQueues: Set<QueueName>? = nil, state: JobState? = nil, kind: JobKind? = nil,
        before: JobID? = nil, limit: Int = 50
    ) {
        self.queue = queue
        self.visibleQueues = visibleQueues
        self.state = state
        self.kind = kind
        self.before = before
        self.limit = limit
    }
}

public struct JobPage: Sendable, Equatable {
    public var jobs: [JobSummary]
    /// Where the next page begins; nil at the end.
    public var next: JobID?

    public init(jobs: [JobSummary], next: JobID?) {
        self.jobs = jobs
        self.next = next
    }
}

public enum CancelVerdict: Sendable, Equatable {
    /// Cancelled now; `token` is that of its last claim, which may still be the broker's lease though no attempt is running.
    case cancelled(queue: QueueName, token: LeaseToken?, wasRunning: Bool)
    case final(JobState, queue: QueueName, token: LeaseToken?)
    case missing
}

/// A job that was cancelled since it may not begin any more.
public struct ExpiredJob: Sendable, Equatable {
    public var id: JobID
    public var queue: QueueName
    /// That of its last claim; nil when it was never claimed.
    public var token: LeaseToken?

    package init(id: JobID, queue: QueueName, token: LeaseToken?) {
        self.id = id
        self.queue = queue
        self.token = token
    }
}

public enum ReopenVerdict: Sendable, Equatable {
    case reopened(queue: QueueName)
    case notFinal(JobState)
    case missing
}

/// A row that has not ended, without what is pushed of it.
public struct UnfinishedJob: Sendable, Equatable {
    public var id: JobID
    public var queue: QueueName
    /// The last one that claimed it.
    public var lastToken: LeaseToken?
    public var isRunning: Bool
    public var priority: Priority

    package init(
        id: JobID, queue: QueueName, lastToken: LeaseToken?, isRunning: Bool, priority: Priority
    ) {
        self.id = id
        self.queue = queue
        self.priority = priority
        self.lastToken = lastToken
        self.isRunning = isRunning
    }
}

/// A row that has not ended, as it is pushed.
public struct PushableJob: Sendable, Equatable {
    public var queue: QueueName
    /// Its delay is what is left until it is due; its token the last one that claimed it.
    public var job: QueuedJob
    public var version: RowVersion

    package init(queue: QueueName, job: QueuedJob, version: RowVersion) {
        self.queue = queue
        self.job = job
        self.version = version
    }
}

/// Tells a row from what it was before and will be after: every write of it makes another one.
public struct RowVersion: Hashable, Sendable {
    package let number: Int64

    package init(number: Int64) {
        self.number = number
    }
}

/// How many rows of a queue wait to be pushed.
public struct FlaggedCount: Sendable, Equatable {
    public var count: Int
    /// If not there are more than `count`, and nobody has counted them.
    public var isExact: Bool

    public init(_ count: Int, isExact: Bool = true) {
        self.count = count
        self.isExact = isExact
    }
}

public struct FinishedCounts: Sendable, Equatable {
    public var completedLastHour: Int
    public var completedLastDay: Int
    public var deadLastHour: Int
    public var deadLastDay: Int

    public init(completedLastHour: Int = 0, completedLastDay: Int = 0, deadLastHour: Int = 0, deadLastDay: Int = 0) {
        self.completedLastHour = completedLastHour
        self.completedLastDay = completedLastDay
        self.deadLastHour = deadLastHour
        self.deadLastDay = deadLastDay
    }
}
