// SPDX-License-Identifier: Apache-2.0

/// What lies in a queue now.
public struct QueueStatus: Sendable, Equatable {
    public var queue: QueueName
    /// Ready jobs by priority, cancelled ones included until they are met.
    public var ready: [Priority: Int]
    public var scheduled: Int
    public var running: Int
    /// Suspects of a crash that wait to be run alone; they are not among the ready ones.
    public var quarantined: Int
    /// Cancelled jobs whose entry in a lane is still to be met.
    public var cancelledEntries: Int
    /// The id at the head of the lanes whose time is the earliest; nil when nothing is ready.
    public var oldestReady: JobID?
    public var isPaused: Bool
    public var epoch: Epoch?

    package init(
        queue: QueueName, ready: [Priority: Int] = [:], scheduled: Int = 0, running: Int = 0,
        quarantined: Int = 0, cancelledEntries: Int = 0, oldestReady: JobID? = nil, isPaused: Bool = false,
        epoch: Epoch? = nil
    ) {
        self.queue = queue
        self.ready = ready
        self.scheduled = scheduled
        self.running = running
        self.quarantined = quarantined
        self.cancelledEntries = cancelledEntries
        self.oldestReady = oldestReady
        self.isPaused = isPaused
        self.epoch = epoch
    }

    /// Ready jobs, less the cancelled ones that are still to be met.
    public var readyCount: Int { max(0, ready.values.reduce(0, +) - cancelledEntries) }
}

/// What a worker process says of itself.
public struct WorkerReport: Sendable, Equatable, Codable {
    /// 16 hexadecimal digits.
    public var process: String
    public var pid: Int32
    public var host: String
    /// The pool of `workers.yml` that it belongs to; nil when it was started by hand.
    public var pool: String?
    public var queues: [String]
    public var concurrency: Int
    /// Jobs that it runs now.
    public var running: Int
    public var startedAtUnixMilliseconds: Int64
    /// It takes no new jobs and ends when those it runs have ended.
    public var isDraining: Bool
    /// Handlers that ran past their time-out and ignored their cancellation.
    public var stuck: Int
    /// Of the jobs that it ran when it reported, those that had run longest, at most ``longestMax``.
    public var longest: [RunningJob]
    /// The kinds that it has handlers for, sorted; nil when they are more than ``kindsMax``, or of a release that does not
    /// tell.
    public var kinds: [String]?
    /// It runs nothing but suspects of a crash, one at a time.
    public var isAlone: Bool { alone ?? false }
    /// nil in the report of an older release.
    private var alone: Bool?
    /// Time since the report, by the broker's clock; filled in by whoever reads it.
    public var silence: Duration = .zero

    package static let longestMax = 5
    package static let kindsMax = 200

    private enum CodingKeys: String, CodingKey {
        case process, pid, host, pool, queues, concurrency, running, startedAtUnixMilliseconds, isDraining, stuck
        case longest, kinds, alone
    }

    public init(
        process: String, pid: Int32, host: String, pool: String?, queues: [String], concurrency: Int, running: Int,
        startedAtUnixMilliseconds: Int64, isDraining: Bool, stuck: Int, longest: [RunningJob] = [],
        kinds: [String]? = nil, isAlone: Bool = false
    ) {
        self.process = process
        self.pid = pid
        self.host = host
        self.pool = pool
        self.queues = queues
        self.concurrency = concurrency
        self.running = running
        self.startedAtUnixMilliseconds = startedAtUnixMilliseconds
        self.isDraining = isDraining
        self.stuck = stuck
        self.longest = longest
        self.kinds = kinds.flatMap { $0.count <= Self.kindsMax ? $0 : nil }
        alone = isAlone
    }

    /// A job as the process that runs it tells of it.
    public struct RunningJob: Sendable, Equatable, Codable {
        public var id: String
        public var kind: String
        public var queue: String
        public var attempt: Int
        /// How long it had run when it was reported, by the clock of its process alone.
        public var ranMilliseconds: Int64

        public init(id: String, kind: String, queue: String, attempt: Int, ranMilliseconds: Int64) {
            self.id = id
            self.kind = kind
            self.queue = queue
            self.attempt = attempt
            self.ranMilliseconds = ranMilliseconds
        }
    }
}
