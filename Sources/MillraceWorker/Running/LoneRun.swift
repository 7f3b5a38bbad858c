// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// What a process that runs suspects alone is doing, as its parent must know when it ends.
///
/// The ledger cannot say: a row is `running` from its claim on, whose answer may be lost, or come when the lease is gone. So
/// the process says it itself, before each handler starts and when its outcome is recorded: only a job whose handler was running
/// is blamed for the end of the process. Nor does the parent see who told a process to end, if it was not the parent itself.
package enum LoneRun: Sendable, Hashable {
    /// No handler runs, and the ledger has the outcome of the last one.
    case idle
    case running(JobID)
    /// A handler runs in a process that somebody has told to end: its end is not the handler's doing.
    case stopping(JobID)
    /// It ran past its time-out and ignores its cancellation, whatever its process was told before or after.
    case stuck(JobID)
}
