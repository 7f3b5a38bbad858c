// SPDX-License-Identifier: Apache-2.0

/// A part of a job that was done and need not be done again, as its row keeps it.
public struct RecordedStep: Sendable, Equatable {
    /// As ``JobKind``: 1 to 64 characters of `[a-z0-9._-]`; one of its name in a job.
    public var name: String
    /// The run that did it.
    public var attempt: Int
    public var at: Timestamp
    /// What it returned, as JSON.
    public var result: [UInt8]

    public init(name: String, attempt: Int, at: Timestamp, result: [UInt8]) {
        self.name = name
        self.attempt = attempt
        self.at = at
        self.result = result
    }
}

public enum StepVerdict: Sendable, Equatable {
    /// It is remembered, by this call or an earlier one of the same attempt.
    case recorded
    /// The attempt is not the job's running one any more: nothing was written.
    case fenced
}

/// What a handler did wrong with a step; a defect of the handler, which fails its run.
public struct StepError: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// The name breaks the rule; nothing was run.
        public static let nameInvalid = Code(description: "name invalid")
        /// The name was used in this run before; nothing was run.
        public static let nameReused = Code(description: "name reused")
        /// The job has ``Limits/stepsMax`` steps; nothing was run.
        public static let tooMany = Code(description: "too many steps")
        /// What an earlier run remembered is not of the type that this one expects; nothing was run.
        public static let resultUnreadable = Code(description: "result unreadable")
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "step: \(code): \(message)" }
}
