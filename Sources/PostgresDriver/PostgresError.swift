// SPDX-License-Identifier: Apache-2.0

/// Why PostgreSQL did not do what it was asked.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Out of reach, or the connection broke before anything could be committed: surely nothing happened.
        public static let unavailable = Code("unavailable")
        /// The connection broke or the deadline passed after a statement of its own or a `COMMIT` was sent: it may have
        /// happened.
        public static let outcomeUnknown = Code("outcome unknown")
        /// The server refused the statement, which changed nothing; `sqlState` says why.
        public static let server = Code("refused by the server")
        /// The task was cancelled; nothing happened.
        public static let cancelled = Code("cancelled")
        /// The deadline passed, before anything was sent or with the server's word that it gave up; nothing happened.
        public static let deadlineExceeded = Code("deadline exceeded")
        /// Too many calls wait for a connection of this pool; nothing happened.
        public static let overloaded = Code("overloaded")
        /// A value has another type than the one asked for, or its bytes are malformed.
        public static let decoding = Code("decoding")
        /// The URL, a setting, the role, its password or the database is wrong: only an operator can mend it.
        public static let configuration = Code("configuration")
    }

    public let code: Code
    /// What failed, on what, in the server's own words where it gave some. Never a password.
    public let message: String
    /// PostgreSQL's five characters, whole, where it gave some.
    public let sqlState: String?
    public let detail: String?
    public let constraint: String?
    public let table: String?
    public let column: String?
    /// The connection had died while it was idle, before anything was sent: another one may do at once.
    var isStale = false
    /// Where in the SQL text, in characters counted from 1.
    var position: Int?

    package init(
        _ code: Code, _ message: String, sqlState: String? = nil, detail: String? = nil, constraint: String? = nil,
        table: String? = nil, column: String? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.detail = detail
        self.constraint = constraint
        self.table = table
        self.column = column
    }

    /// A conflict with another transaction (40001, 40P01): the same transaction may succeed when repeated.
    public var isRetryable: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// The data itself is refused (class 22 or 23): repeating cannot help.
    public var isDataError: Bool { hasClass("22") || hasClass("23") }

    /// The server is going away, starting, full or out of reach (class 08, 53, 57P0x): a later try may succeed.
    public var isConnectionError: Bool {
        hasClass("08") || hasClass("53") || sqlState?.hasPrefix("57P0") == true
    }

    /// The server cannot write at all, such as after a fail-over or for want of a disk (25006, class 58), whatever it is asked to.
    package var isServersOwnFault: Bool { sqlState == "25006" || hasClass("58") }

    public var description: String {
        var text = "postgres: \(code): \(message)"
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let detail { text += "; \(detail)" }
        return text
    }

    private func hasClass(_ digits: String) -> Bool { sqlState?.hasPrefix(digits) == true }
}

extension PostgresError {
    static func stale(_ message: String) -> PostgresError {
        var error = PostgresError(.unavailable, message)
        error.isStale = true
        return error
    }

    /// The same facts under another code: what an error means depends on when it came.
    func with(_ code: Code, note: String? = nil) -> PostgresError {
        PostgresError(
            code, note.map { "\($0): \(message)" } ?? message, sqlState: sqlState, detail: detail,
            constraint: constraint, table: table, column: column)
    }
}
