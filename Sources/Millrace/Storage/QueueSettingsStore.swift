// SPDX-License-Identifier: Apache-2.0

/// The originals of what operators set and of the brokers' epochs. The broker holds copies.
public protocol QueueSettingsStore: Sendable {
    /// All queues that were ever named, with their settings.
    func queues() async throws(LedgerError) -> [QueueSettings]

    /// Makes sure that a queue has a row; it has no epoch until a worker gives it one.
    func ensureQueue(_ queue: QueueName) async throws(LedgerError)

    /// Pauses or resumes a queue. From the commit on no claim of it is granted.
    func setPaused(_ isPaused: Bool, queue: QueueName) async throws(LedgerError)

    /// Gives a queue without an epoch its first one; returns the epoch that stands.
    func establishEpoch(of queue: QueueName, serverID: String) async throws(LedgerError) -> Epoch

    /// Raises a queue's epoch by one and notes the server that it was raised for.
    ///
    /// - Parameter goesOn: the broker's epoch is nobody's already. If the rebuild that raised the present one did that, for
    ///   the same server, its wait for live workers counts for this one, too.
    func raiseEpoch(of queue: QueueName, serverID: String, goesOn: Bool) async throws(LedgerError) -> RaisedEpoch

    /// Says that a rebuild has made the broker's epoch nobody's, and waits for live workers from now on; nothing where the
    /// queue has another epoch by now.
    func beginWait(of queue: QueueName, epoch: Epoch) async throws(LedgerError)

    /// The right to rebuild a queue in the broker, held by one process at a time; nil while another holds it.
    ///
    /// It ends with ``RebuildLock/release()``, or with the process.
    func lockRebuild(of queue: QueueName) async throws(LedgerError) -> (any RebuildLock)?

    /// Wished counts of worker processes that beat `workers.yml`.
    func poolCounts() async throws(LedgerError) -> [String: Int]

    /// Sets a pool's wished count; nil returns to `workers.yml`.
    func setPoolCount(_ count: Int?, pool: String) async throws(LedgerError)
}

public struct QueueSettings: Sendable, Equatable {
    public var queue: QueueName
    public var isPaused: Bool
    /// nil until the first worker has seen the queue.
    public var epoch: Epoch?
    /// The broker's server that the epoch was given for.
    public var serverID: String?

    public init(queue: QueueName, isPaused: Bool = false, epoch: Epoch? = nil, serverID: String? = nil) {
        self.queue = queue
        self.isPaused = isPaused
        self.epoch = epoch
        self.serverID = serverID
    }
}

/// The epoch of a rebuild that begins.
public struct RaisedEpoch: Sendable, Equatable {
    public var epoch: Epoch
    /// For how long, by the ledger's clock, rebuilds before this one have waited for live workers; nil when it must begin anew.
    public var waited: Duration?

    public init(epoch: Epoch, waited: Duration? = nil) {
        self.epoch = epoch
        self.waited = waited
    }
}

/// The right to rebuild one queue.
public protocol RebuildLock: Sendable {
    /// False once the lock may have passed to another process; then stop.
    func isHeld() async -> Bool

    func release() async
}
