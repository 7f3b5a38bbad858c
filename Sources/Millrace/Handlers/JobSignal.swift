// SPDX-License-Identifier: Apache-2.0

/// What a handler throws to say more than "it failed".
///
/// Any other error is a failure: it spends one of the job's attempts, and the backoff chooses when the next one begins.
public enum JobSignal: Error, Sendable, Equatable, CustomStringConvertible {
    /// It can never succeed: the job is dead at once.
    case permanent(String)
    /// A failure like any other, but the handler knows when to try again.
    case retry(after: Duration, reason: String)
    /// Not yet: run again later, at no cost.
    case snooze(Duration)

    public var description: String {
        switch self {
        case .permanent(let reason): reason
        case .retry(_, let reason): reason
        case .snooze(let delay): "snoozed for \(delay)"
        }
    }
}
