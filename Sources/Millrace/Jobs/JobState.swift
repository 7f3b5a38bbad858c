// SPDX-License-Identifier: Apache-2.0

/// Where a job is in its life.
///
///     scheduled ⇄ ready → running → completed
///         ↑___retry_________│   └─→ dead
///     any but the final ones ─────→ cancelled
///
/// The ledger writes `ready` or `scheduled` when it accepts, and `running` at the claim. It does not hear of promotion, so
/// an unclaimed row is `scheduled` while its due time lies ahead, else `ready`, whatever was written.
public enum JobState: String, Sendable, CaseIterable {
    /// Due later, or in backoff after a failure.
    case scheduled
    /// Held back by a key's limit or for an earlier step of its workflow.
    case waiting
    /// May run now.
    case ready
    /// Claimed by a worker.
    case running
    /// Its handler returned; final.
    case completed
    /// Withdrawn before it completed; final.
    case cancelled
    /// Out of attempts, or buried; final until an operator retries it.
    case dead

    /// Nothing starts after a final state, and only an operator's retry leaves it.
    public var isFinal: Bool {
        switch self {
        case .completed, .cancelled, .dead: true
        case .scheduled, .waiting, .ready, .running: false
        }
    }
}
