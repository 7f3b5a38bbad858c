// SPDX-License-Identifier: Apache-2.0

/// One thing that `millrace doctor` looked at.
struct Finding: Sendable, Equatable {
    enum Severity: String, Sendable {
        /// As it should be.
        case ok
        /// It works, but an operator should know.
        case warning
        /// It does not work, or jobs may be lost.
        case fault
    }

    var severity: Severity
    /// `redis`, `postgres`, `clock` or `workers`.
    var part: String
    /// What was seen, and what to do.
    var text: String
}
