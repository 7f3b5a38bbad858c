// SPDX-License-Identifier: Apache-2.0

/// Why the ledger did not do what it was asked.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// Out of reach or refusing all work: nothing was done.
        public static let unavailable = Code(description: "unavailable")
        /// The connection broke or the deadline passed at the commit: it may have been done. Every verb may be repeated.
        public static let outcomeUnknown = Code(description: "outcome unknown")
        /// The data itself is refused (SQLSTATE class 22 or 23, an id out of range): repeating cannot help.
        public static let rejected = Code(description: "rejected")
        /// The idempotency key was used for another request.
        public static let keyReused = Code(description: "key reused")
        /// The first request with this idempotency key is still being written.
        public static let keyInFlight = Code(description: "key in flight")
        /// Too many calls are waiting in this process.
        public static let overloaded = Code(description: "overloaded")
        /// The caller was cancelled; the call may have been done.
        public static let cancelled = Code(description: "cancelled")
        /// The schema is not the one that this release knows.
        public static let schemaUnknown = Code(description: "schema unknown")
        /// PostgreSQL refuses for a reason that only an operator can mend: password, rights, read-only, disk.
        public static let misconfigured = Code(description: "misconfigured")
        /// An answer that no release of ours gives.
        public static let protocolViolation = Code(description: "protocol violation")
    }

    public let code: Code
    /// What failed, on what, and the store's own words.
    public let message: String
    /// PostgreSQL's own code where it gave one.
    public let sqlState: String?
    /// With `.rejected`: which of the submission's jobs, counted from 0, where that is known.
    public let index: Int?

    public init(_ code: Code, _ message: String, sqlState: String? = nil, index: Int? = nil) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.index = index
    }

    /// The ledger's fault, and not that of what it was given: a run that fails with it spends nothing.
    package var isStoreAway: Bool {
        [.unavailable, .outcomeUnknown, .overloaded, .misconfigured, .schemaUnknown].contains(code)
    }

    public var description: String {
        "ledger: \(code): \(message)" + (sqlState.map { " (SQLSTATE \($0))" } ?? "")
    }
}
