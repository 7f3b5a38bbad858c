// SPDX-License-Identifier: Apache-2.0

/// A job as it is handed to the ledger: everything checked, every default filled in.
public struct NewJob: Sendable, Equatable {
    public var id: JobID
    public var kind: JobKind
    public var queue: QueueName
    public var priority: Priority
    /// JSON, the very bytes that the client sent.
    public var payload: [UInt8]
    /// When it may start, by the ledger's clock; nil means now.
    public var dueAt: Timestamp?
    /// When it is no longer worth starting; nil means never.
    public var expiresAt: Timestamp?
    /// How long its handler may run.
    public var timeout: Duration
    /// Failures after which it is dead, 1…``Limits/maxAttemptsMax``.
    public var maxAttempts: Int
    public var tags: [String]
    /// A W3C `traceparent`; nil when the submitter sent none.
    public var trace: String?
    /// What is asked for; what it is accepted with may be more: see ``JobOptions/durability``.
    public var durability: Durability

    public init(
        id: JobID, kind: JobKind, queue: QueueName = .default, priority: Priority = .normal, payload: [UInt8],
        dueAt: Timestamp? = nil, expiresAt: Timestamp? = nil, timeout: Duration = Limits.timeout,
        maxAttempts: Int = Limits.maxAttempts, tags: [String] = [], trace: String? = nil,
        durability: Durability = .postgres
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.priority = priority
        self.payload = payload
        self.dueAt = dueAt
        self.expiresAt = expiresAt
        self.timeout = timeout
        self.maxAttempts = maxAttempts
        self.tags = tags
        self.trace = trace
        self.durability = durability
    }
}
