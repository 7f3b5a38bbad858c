// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// Writes new jobs within a transaction: for submissions, and for jobs that are enqueued beside an application's own
/// rows.
enum JobWriter {
    /// Writes rows for queues that may be new, then the jobs.
    ///
    /// Rows are written in the order of their keys, so that two writers of the same ones cannot wait for each other.
    /// - Parameter isFlagged: whether the relay is to push them.
    static func write(
        _ jobs: [NewJob], newQueues: [QueueName], isFlagged: Bool, in transaction: PostgresTransaction
    ) throws(PostgresError) {
        if !newQueues.isEmpty {
            try transaction.query(Statements.ensureQueues, [.textArray(newQueues.map(\.name))])
        }
        guard !jobs.isEmpty else { return }
        try transaction.query(
            Statements.insertJobs, JobColumns.parameters(of: jobs.sorted { $0.id < $1.id }, isFlagged: isFlagged))
    }

    /// Why an id may not enter the ledger at this time; nil when it may.
    static func fault(ofID id: JobID, at now: Timestamp) -> String? {
        if now - id.time > Limits.idBehindMax {
            return "id \(id) was made over \(Limits.idBehindMax.milliseconds / 3_600_000) hours ago"
        }
        if id.time - now > Limits.idAheadMax {
            return
                "id \(id) is over \(Limits.idAheadMax.milliseconds / 60_000) minutes ahead of the ledger's clock"
        }
        return nil
    }
}
