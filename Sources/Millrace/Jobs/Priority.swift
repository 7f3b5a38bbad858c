// SPDX-License-Identifier: Apache-2.0

/// A job's priority; each has a lane of its own in its queue. Higher ones run first; one reservation in 16 looks from the
/// other end, so that `low` is never starved.
public enum Priority: UInt8, Sendable, CaseIterable {
    case critical = 0
    case high = 1
    case normal = 2
    case low = 3

    /// The lane's name, as the API, the command line and Redis's keys spell it.
    public var name: String {
        switch self {
        case .critical: "critical"
        case .high: "high"
        case .normal: "normal"
        case .low: "low"
        }
    }

    public init?(name: String) {
        guard let priority = Priority.allCases.first(where: { $0.name == name }) else { return nil }
        self = priority
    }
}

/// What an accepted job is promised.
public enum Durability: String, Sendable, CaseIterable {
    /// In the ledger before the answer: survives the loss of everything in Redis.
    case postgres
    /// In Redis alone until its first attempt has ended, or died: faster, and as safe as the Redis it lies in. How it ended is a
    /// row of the ledger like any other.
    case redis
}
