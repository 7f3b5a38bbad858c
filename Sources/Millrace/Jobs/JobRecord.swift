// SPDX-License-Identifier: Apache-2.0

/// A job as the ledger remembers it; the members of its summary are its own.
@dynamicMemberLookup
public struct JobRecord: Sendable, Equatable {
    public var summary: JobSummary
    public var payload: [UInt8]
    /// What the handler returned, as JSON; nil until it completed.
    public var result: [UInt8]?
    /// The first error and the last nine.
    public var errors: [RecordedError]

    package init(_ summary: JobSummary, payload: [UInt8], result: [UInt8]?, errors: [RecordedError]) {
        self.summary = summary
        self.payload = payload
        self.result = result
        self.errors = errors
    }

    public subscript<Value>(dynamicMember member: KeyPath<JobSummary, Value>) -> Value { summary[keyPath: member] }
}

/// One error of a job, as its row keeps it: `{"attempt": 1, "at": "…", "error": "…"}`.
public struct RecordedError: Sendable, Equatable {
    public var attempt: Int
    public var at: Timestamp
    /// At most ``Limits/errorBytesMax`` bytes.
    public var message: String

    public init(attempt: Int, at: Timestamp, message: String) {
        self.attempt = attempt
        self.at = at
        self.message = message
    }
}
