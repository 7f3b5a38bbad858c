// SPDX-License-Identifier: Apache-2.0

/// A place between two effects at which a test kills or stalls a real process, to prove what a crash there leaves behind.
///
/// None is armed unless ``FailpointPlan/variable`` says so, and only in a program that has told of it on its standard error
/// (`FailpointPlan.arm`), which those of `MillraceApplication` do first of all. An unarmed one costs the look at one static
/// Bool, so they stand once per batch, never per job. Reaching one never suspends: a stalled failpoint
/// blocks the thread that it is on, as a stopped machine would.
///
/// Change together: `FailpointTests` of the end-to-end tests, which kill a process at each of them.
package enum Failpoint: String, CaseIterable, Sendable {
    // Accept.
    case acceptNotCommitted
    case acceptedNotPushed
    case pushedNotAnswered
    case entrustedNotAnswered
    // Reserve, claim, start.
    case reservedNotClaimed
    case adoptedNotClaimed
    case claimedNotStarted
    // The end of an attempt.
    case endedNotRecorded
    case adoptedNotRecorded
    case insertedNotAcknowledged
    case recordedNotAcknowledged
    case recordedNotRetried
    case recordedNotReleased
    case acknowledgedNotForgotten
    // `context.step`.
    case stepNotRecorded
    case stepRecorded
    // `context.transaction`.
    case transactionNotHeld
    case transactionNotCommitted
    case transactionCommitted
    // Cancel.
    case cancelNotCommitted
    case cancelledNotTold
    case cancelTold
    // Operators' retry.
    case reopenNotCommitted
    case reopenedNotTold
    // Expiry.
    case expiredNotTold
    // The supervisor, of a child that crashed.
    case crashNotBlamed
    case blamedNotMoved
    case buriedNotTold
    case movedNotReleased
    // Relay.
    case relayNotPushed
    case relayPushedNotCleared
    case relayCleared
    // Sweep and reclaim.
    case sweepNotPushed
    case sweepPushed
    case reclaimed
    // Rebuild.
    case epochEstablishedNotCopied
    case rebuildNotRaised
    case epochRaisedNotCopied
    case epochCopiedNotPushed
    case rebuildPushedNotFinished
    case rebuildFinished
    case leaseNotRedeclared

    /// Says that this place was reached.
    package static func reached(_ point: Failpoint) {
        guard FailpointPlan.isArmed else { return }
        FailpointPlan.current.reach(point)
    }
}

/// A guard of the promise that a test switches off in real processes, to prove that its checker notices.
package enum Safeguard: String, CaseIterable, Sendable {
    /// No handler starts whose claim was refused.
    case claim
    /// An outcome is taken from the attempt alone that holds the job.
    case fence
    /// What the broker lost is pushed again.
    case sweep
    /// A push of what the broker knows is a no-op.
    case idempotentPush
    /// The ledger has an outcome before the broker hears of it.
    case writeOrder

    /// Whether it is switched off in this process.
    package var isOff: Bool {
        guard FailpointPlan.isArmed else { return false }
        return FailpointPlan.current.isOff(self)
    }
}
