// SPDX-License-Identifier: Apache-2.0

/// A kind of work: its payload as a Swift type.
///
/// ```swift
/// struct Greet: Job {
///     static let kind: JobKind = "hello.greet"
///     var name: String
///     struct Output: Codable, Sendable { var greeting: String }
/// }
/// ```
///
/// The payload outlives the release that wrote it: new properties should be optional or have their own decoding.
public protocol Job: Codable, Sendable {
    /// What the handler returns; kept as the job's result.
    associatedtype Output: Codable & Sendable = NoOutput

    static var kind: JobKind { get }

    /// What applies where the submitter says nothing.
    static var defaults: JobOptions { get }
}

extension Job {
    public static var defaults: JobOptions { JobOptions() }
}

/// The result of a job that returns nothing; kept as `{}`.
public struct NoOutput: Codable, Sendable, Equatable {
    public init() {}
}

/// What a kind sets for its jobs; a submission may override all but the backoff and where it runs.
public struct JobOptions: Sendable, Equatable {
    /// Default `default`.
    public var queue: QueueName
    /// Default `normal`.
    public var priority: Priority
    /// Failures after which a job is dead. Default 20.
    public var maxAttempts: Int
    /// How long a handler may run. Default 10 minutes.
    public var timeout: Duration
    /// Default 2 s doubling to 1 h.
    public var backoff: Backoff
    /// The right to run without a word from the worker. Default 15 s, which is also the least.
    public var lease: Duration
    /// Runs the handler on a pool of threads for blocking work instead of the cooperative pool, which has one thread per core and
    /// must never be blocked. Default false.
    public var isBlocking: Bool
    /// What an accepted job is promised. Default ``Durability/postgres``.
    ///
    /// ``Durability/redis`` spares the ledger a write and a claim, and jobs are accepted while the ledger is away; what Redis loses
    /// of them is lost. One with an idempotency key, due more than a day ahead, or submitted within a transaction is taken
    /// as ``Durability/postgres`` all the same.
    public var durability: Durability

    public init(
        queue: QueueName = .default, priority: Priority = .normal, maxAttempts: Int = Limits.maxAttempts,
        timeout: Duration = Limits.timeout, backoff: Backoff = Backoff(), lease: Duration = Limits.lease,
        isBlocking: Bool = false, durability: Durability = .postgres
    ) {
        self.queue = queue
        self.priority = priority
        self.maxAttempts = maxAttempts
        self.timeout = timeout
        self.backoff = backoff
        self.lease = lease
        self.isBlocking = isBlocking
        self.durability = durability
    }
}
