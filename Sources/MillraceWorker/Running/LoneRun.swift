// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// What a process that runs suspects alone is doing, as its parent must know when it ends.
///
/// The ledger cannot say: a row is `running` from its claim on, whose answer may be lost, or come when the lease is gone. So
/// the process says it itself, before each handler starts and when its outcome is recorded: only a job whose handler was running
/// is blamed for the end of the process.
package enum LoneRun: Sendable, Hashable {
    /// No handler runs, and the ledger has the outcome of the last one.
    case idle
    case running(JobID)
    /// It ran past its time-out and ignores its cancellation.
    case stuck(JobID)
}
