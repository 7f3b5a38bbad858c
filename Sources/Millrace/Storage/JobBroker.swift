// SPDX-License-Identifier: Apache-2.0

/// Who may run what now: the contract of Redis, and of whatever stands in for it.
///
/// The broker is an index that can be rebuilt: nothing in it is the only copy of anything, but for jobs of durability `redis` whose
/// first attempt has not ended. Every verb is idempotent and may be
/// repeated after an unknown outcome; those that end a lease are fenced by its token. Every verb is atomic per call and takes at
/// most ``Limits/storeBatchMax`` items of one queue.
///
/// Change together: `BrokerConformance`, `MemoryBroker`, `RedisBroker`.
public protocol JobBroker: Sendable {
    /// Makes jobs takeable, or due after their delay; an id that is live already is left as it is, but for one that is ready
    /// now and waits for its time: it was opened again, and goes to its lane at once.
    ///
    /// An accepted push is only a hint: it may happen at any time, any number of times.
    func enqueue(_ jobs: [QueuedJob], into queue: QueueName) async throws(BrokerError) -> [EnqueueVerdict]

    /// Leases up to `limit` ready jobs for ``Limits/lease``, by priority, oldest first within one; may return none, never waits.
    ///
    /// The first reservation of a job that was accepted with durability `redis` says so, and marks the envelope, in one step: no later
    /// one does, wherever the job was in between.
    /// - Parameter backwards: looks through the lanes from `low` up, as one reservation in 16 does.
    /// - Throws: `.epochMismatch` unless the queue's epoch is the caller's.
    func reserve(
        _ limit: Int, from queue: QueueName, epoch: Epoch, process: ProcessID, backwards: Bool
    ) async throws(BrokerError) -> Reservation

    /// Leases the suspect that has waited longest, for ``Limits/lease``; none when none waits, or the queue is paused.
    ///
    /// For a process in which nothing else runs until that job has ended.
    /// - Throws: `.epochMismatch` unless the queue's epoch is the caller's.
    func reserveSuspect(from queue: QueueName, epoch: Epoch, process: ProcessID) async throws(BrokerError)
        -> Reservation

    /// Ends leases and puts their jobs at the end of the suspects' lane: true for each that was held.
    ///
    /// A suspect that is released, retried or reclaimed goes where any job goes; the claim there sends it back here.
    func quarantine(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool]

    /// Forgets jobs whose outcome the ledger has: true for each lease that was still held.
    ///
    /// - Parameter announcing: those among them that reached a final state, told to whoever waits for them.
    func complete(_ leases: [Lease], in queue: QueueName, announcing finished: [JobID]) async throws(BrokerError)
        -> [Bool]

    /// Ends leases and schedules their jobs anew, each after its delay by the broker's clock: true for each that was held.
    func retry(_ items: [(lease: Lease, delay: Duration)], in queue: QueueName) async throws(BrokerError) -> [Bool]

    /// Ends leases and puts their jobs back at the head of their lanes: true for each that was held.
    func release(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool]

    /// Prolongs leases to `duration` from now, by the broker's clock.
    func extend(
        _ leases: [Lease], in queue: QueueName, epoch: Epoch, by duration: Duration
    ) async throws(BrokerError) -> [LeaseStatus]

    /// Declares leases that the broker lost: the job and its lease are written if the id is unknown. True for each that holds now.
    func redeclare(
        _ jobs: [LeasedJob], in queue: QueueName, by duration: Duration
    ) async throws(BrokerError) -> [Bool]

    /// Puts up to `limit` jobs with expired leases back at the head of their lanes.
    ///
    /// Reclaims nothing for one lease after a gap in its own ticks of over 2 s, since a stalled or restarted broker looks like
    /// everybody's death.
    func reclaim(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Int

    /// Puts back all jobs that a process holds in a queue, because whoever calls has seen that process die.
    func releaseAll(of process: ProcessID, in queue: QueueName) async throws(BrokerError) -> Int

    /// Moves up to `limit` due jobs to their lanes.
    func promote(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Promotion

    /// Takes a job that the ledger has cancelled out of the queue, and tells its worker and whoever waits for it.
    ///
    /// It may come late, when the job was opened again: a lease under another token is left alone, since its claim comes after
    /// the cancellation, and is refused or belongs to another life of the job.
    /// - Parameter token: of its last claim when it was cancelled; nil when it was never claimed.
    func cancel(_ id: JobID, token: LeaseToken?, in queue: QueueName) async throws(BrokerError)

    /// A job by its id, in whatever queue; nil when no queue has it, or it was cancelled. Asks all queues.
    func find(_ id: JobID) async throws(BrokerError) -> FoundJob?

    /// Which of these ids the broker knows, in whatever place.
    func knows(_ ids: [JobID], in queue: QueueName) async throws(BrokerError) -> [Bool]

    /// Writes copies of a queue's settings; `epoch` only when it is given. After a pause returned, nothing new is reserved.
    func configure(_ queue: QueueName, isPaused: Bool, epoch: Epoch?) async throws(BrokerError)

    /// The queue's epoch; nil when Redis has none, or lost it.
    func epoch(of queue: QueueName) async throws(BrokerError) -> Epoch?

    /// Changes with each start or failover of the server: data may have been lost in between.
    func serverID() async throws(BrokerError) -> String

    /// How much memory the broker has used, and how much it may.
    func memory() async throws(BrokerError) -> BrokerMemory

    /// Lengths of everything in these queues.
    func status(of queues: [QueueName]) async throws(BrokerError) -> [QueueStatus]

    /// Waits until one of the queues may have work, or for `timeout`. Wakes one waiter per ring.
    func waitForWork(in queues: [QueueName], timeout: Duration) async throws(BrokerError)

    /// Says that a worker process lives; forgotten after 30 s without a word.
    func report(_ worker: WorkerReport) async throws(BrokerError)

    /// The worker processes that have reported within the last 30 s.
    func workers() async throws(BrokerError) -> [WorkerReport]

    /// Removes a worker process that ends in an orderly way.
    func withdraw(_ process: ProcessID) async throws(BrokerError)

    /// Announcements from now on. Events may be lost across reconnections, after which `.resubscribed` says so.
    ///
    /// All callers of one process share one subscription. The stream ends when its consumer is cancelled.
    func announcements() -> AsyncStream<Announcement>
}

/// A number that the ledger raises each time the broker has lost data; a broker that carries another one is being rebuilt.
public struct Epoch: Hashable, Sendable {
    public let number: Int64

    /// What a rebuild writes first: no caller has it, so nothing is reserved and a lease that is gone counts as unknown, not lost.
    package static let rebuilding = Epoch(number: 0)
    /// What a caller passes that knows no epoch: no queue ever has it.
    package static let none = Epoch(number: -1)

    public init(number: Int64) {
        self.number = number
    }
}

/// A job on its way into the broker.
public struct QueuedJob: Sendable, Equatable {
    public var id: JobID
    public var priority: Priority
    /// Time until it is due; zero or less = ready now.
    public var delay: Duration
    public var envelope: JobEnvelope
    /// The token of its last lease, given when an operator retried it: while that lease still stands the answer is `.busy`.
    public var lastToken: LeaseToken?
    /// It goes to the suspects' lane, if it is due.
    public var isSuspect: Bool

    package init(
        id: JobID, priority: Priority, delay: Duration, envelope: JobEnvelope, lastToken: LeaseToken? = nil,
        isSuspect: Bool = false
    ) {
        self.id = id
        self.priority = priority
        self.delay = delay
        self.envelope = envelope
        self.lastToken = lastToken
        self.isSuspect = isSuspect
    }
}

public enum EnqueueVerdict: Sendable, Equatable {
    case enqueued
    /// Waiting already, in a lane or until it is due, which is later still; nothing was changed.
    case known
    /// Leased, or a remnant of the same id is still to be met (a cancelled entry, the last lease): push again later.
    case busy
}

/// A job and the right to run it.
public struct LeasedJob: Sendable, Equatable {
    public var lease: Lease
    /// As it lies in the broker from now on; may be unreadable.
    public var envelope: [UInt8]
    /// No attempt has begun, and the ledger has no row: it is the first reservation of a job with durability `redis`.
    public var isFirst: Bool

    package init(lease: Lease, envelope: [UInt8], isFirst: Bool = false) {
        self.lease = lease
        self.envelope = envelope
        self.isFirst = isFirst
    }
}

/// A job as it lies in the broker.
public struct FoundJob: Sendable, Equatable {
    public enum Place: Sendable, Equatable {
        /// In a lane.
        case ready
        /// Due after this long.
        case scheduled(Duration)
        case leased(LeaseToken)
    }

    public var id: JobID
    public var queue: QueueName
    /// May be unreadable.
    public var envelope: [UInt8]
    public var place: Place

    package init(id: JobID, queue: QueueName, envelope: [UInt8], place: Place) {
        self.id = id
        self.queue = queue
        self.envelope = envelope
        self.place = place
    }
}

/// What a reservation brought.
public struct Reservation: Sendable, Equatable {
    public var jobs: [LeasedJob]
    /// There was more to take than the limit.
    public var isMoreReady: Bool
    /// Time until the earliest scheduled job is due; nil when none is scheduled.
    public var nextDue: Duration?
    public var isPaused: Bool

    package init(jobs: [LeasedJob] = [], isMoreReady: Bool = false, nextDue: Duration? = nil, isPaused: Bool = false) {
        self.jobs = jobs
        self.isMoreReady = isMoreReady
        self.nextDue = nextDue
        self.isPaused = isPaused
    }
}

/// How much of its memory the broker has used.
public struct BrokerMemory: Sendable, Equatable {
    public var usedBytes: Int
    /// Beyond it no push is taken; nil when there is no limit.
    public var bytesMax: Int?
    /// In whatever state, of all queues.
    public var liveJobs: Int

    package init(usedBytes: Int, bytesMax: Int?, liveJobs: Int) {
        self.usedBytes = usedBytes
        self.bytesMax = bytesMax
        self.liveJobs = liveJobs
    }
}

public enum LeaseStatus: Sendable, Equatable {
    case owned
    /// Somebody else may run the job, or it was cancelled: stop.
    case lost
    /// The broker lost its data: carry on, and declare the lease again.
    case unknown
}

public struct Promotion: Sendable, Equatable {
    public var promoted: Int
    /// Time until the next scheduled job is due; zero = more are due already; nil = none.
    public var nextDue: Duration?

    package init(promoted: Int, nextDue: Duration?) {
        self.promoted = promoted
        self.nextDue = nextDue
    }
}

public enum Announcement: Sendable, Equatable {
    /// These jobs reached a final state.
    case finished([JobID])
    /// An operator cancelled this job, whose last claim had this token, if there was one: that run is to stop, no other.
    case cancelled(JobID, LeaseToken?)
    /// From here on nothing is missed; before, something may have been.
    case resubscribed
}
