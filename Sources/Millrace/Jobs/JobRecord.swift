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
    /// What its runs have done already, in the order in which it was recorded.
    public var steps: [RememberedStep]

    package init(
        _ summary: JobSummary, payload: [UInt8], result: [UInt8]?, errors: [RecordedError],
        steps: [RememberedStep] = []
    ) {
        self.summary = summary
        self.payload = payload
        self.result = result
        self.errors = errors
        self.steps = steps
    }

    public subscript<Value>(dynamicMember member: KeyPath<JobSummary, Value>) -> Value { summary[keyPath: member] }
}

/// A step of a job without what it returned, which ``JobLedger/steps(of:)`` has: a job's may have one and a half mebibytes together.
public struct RememberedStep: Sendable, Equatable {
    public var name: String
    /// The run that did it.
    public var attempt: Int
    public var at: Timestamp
    /// Bytes of what it returned, as JSON; at most ``Limits/stepBytesMax``.
    public var resultBytes: Int

    public init(name: String, attempt: Int, at: Timestamp, resultBytes: Int) {
        self.name = name
        self.attempt = attempt
        self.at = at
        self.resultBytes = resultBytes
    }

    package init(_ step: RecordedStep) {
        self.init(name: step.name, attempt: step.attempt, at: step.at, resultBytes: step.result.count)
    }
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
