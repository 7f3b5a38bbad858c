// SPDX-License-Identifier: Apache-2.0

import Testing

/// One breach of the house rules: where, and what.
struct Violation: Equatable, CustomStringConvertible {
    let path: String
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

/// Fails the running test once per violation.
func expectNone(_ violations: [Violation]) {
    for violation in violations {
        Issue.record("\(violation)")
    }
}
