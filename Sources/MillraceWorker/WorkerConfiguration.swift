// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// How one worker process works.
public struct WorkerConfiguration: Sendable {
    /// Where it takes jobs from, in rotation; 1 or more.
    public var queues: [QueueName]
    /// Handlers that run at the same time, 1…1000. Default 10.
    public var concurrency: Int
    /// Drawn anew at each start.
    public var process: ProcessID
    /// The pool of `workers.yml` that it belongs to; nil when it was started by hand.
    public var pool: String?
    public var pid: Int32
    public var host: String
    /// How long running handlers may go on after a shutdown began, before they are cancelled. Default 25 s.
    public var drainTimeout: Duration
    /// How long cancelled handlers have to return before the process ends without them. Default 2 s.
    public var cancelGrace: Duration
    /// All leases are extended this often: a third of the shortest lease, so that two extensions may fail. Default 5 s.
    public var extendInterval: Duration
    /// A first attempt of durability `redis` starts without a claim within so long from its reservation, measured from before that; what
    /// is later, in a process that stood still, is claimed, as its lease may be another's by then. Default half a lease.
    public var unclaimedStartMax: Duration
    /// Outcomes that wait for the ledger; at this bound nothing more is reserved. Default 10 × concurrency, at least 1,000.
    public var unrecordedMax: Int
    /// Handlers that ignored their cancellation, at which the process drains and ends, to be replaced. Default half the concurrency,
    /// at least 1.
    public var stuckMax: Int
    /// Rows younger than this are not swept, since their own push may be under way. Default 5 s.
    public var sweepAfter: Duration
    /// What it does about jobs that must run alone. Default: it runs them itself when nobody else has for 30 s.
    public var suspects: SuspectPolicy
    /// For so long at most ordinary jobs wait while it drains for suspects, and again while it runs them; after it has drained in
    /// vain it serves them for five times as long. Default 60 s.
    public var suspectDrainMax: Duration
    /// Told, in a process that runs nothing but suspects, of each change of what it runs, before a handler starts. Must not
    /// block.
    package var onLoneRun: (@Sendable (LoneRun) -> Void)?

    public init(
        queues: [QueueName], concurrency: Int = 10, process: ProcessID, pool: String? = nil, pid: Int32, host: String,
        drainTimeout: Duration = .seconds(25)
    ) {
        self.queues = queues
        self.concurrency = concurrency
        self.process = process
        self.pool = pool
        self.pid = pid
        self.host = host
        self.drainTimeout = drainTimeout
        cancelGrace = .seconds(2)
        extendInterval = Limits.lease / 3
        unclaimedStartMax = Limits.lease / 2
        unrecordedMax = max(1000, 10 * concurrency)
        stuckMax = max(1, concurrency / 2)
        sweepAfter = .seconds(5)
        suspects = .drain(after: .seconds(30))
        suspectDrainMax = .seconds(60)
    }
}

/// What a worker process does about the suspects of a crash: jobs that may have taken a process down, and run alone until one
/// of their runs has ended in order.
public enum SuspectPolicy: Sendable, Equatable {
    /// Leaves them to the processes that a supervisor starts for them.
    case leave
    /// Where they have waited for so long and no process runs them, it stops reserving, drains, and runs them.
    case drain(after: Duration)
    /// Runs nothing else, and ends when there was none for `idleMax`, or after `runsMax` of them; nil for no such bound.
    case only(runsMax: Int?, idleMax: Duration)
}
