// SPDX-License-Identifier: Apache-2.0

/// Why the broker did not do what it was asked.
public struct BrokerError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// Out of reach, or busy with itself (loading, failing over): nothing was done.
        public static let unavailable = Code(description: "unavailable")
        /// The connection broke or the deadline passed after the call was sent: it may have been done.
        public static let outcomeUnknown = Code(description: "outcome unknown")
        /// The queue's epoch is missing or is not the caller's: Redis lost data, or another process is rebuilding.
        public static let epochMismatch = Code(description: "epoch mismatch")
        /// Redis has no memory left for more jobs. What drains still works.
        public static let full = Code(description: "full")
        /// Too many calls are waiting in this process.
        public static let overloaded = Code(description: "overloaded")
        /// The caller was cancelled; the call may have been done.
        public static let cancelled = Code(description: "cancelled")
        /// Redis refuses for a reason that only an operator can mend: password, rights, disk, eviction policy, version.
        public static let misconfigured = Code(description: "misconfigured")
        /// An answer that no release of ours gives: a bug, or somebody else's data under our keys.
        public static let protocolViolation = Code(description: "protocol violation")
    }

    public let code: Code
    /// What failed, on what, and the store's own words.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The broker's fault, and not that of what it was given: a run that fails with it spends nothing.
    package var isStoreAway: Bool { ![.cancelled, .protocolViolation].contains(code) }

    public var description: String { "broker: \(code): \(message)" }
}
