// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// Writes new jobs within a transaction: for submissions, and for jobs that are enqueued beside an application's own
/// rows.
enum JobWriter {
    /// Writes rows for queues that may be new, then the jobs.
    ///
    /// Rows are written in the order of their keys, so that two writers of the same ones cannot wait for each other.
    static func write(
        _ rows: [NewRow], newQueues: [QueueName], in transaction: PostgresTransaction
    ) throws(PostgresError) {
        if !newQueues.isEmpty {
            try transaction.query(Statements.ensureQueues, [.textArray(newQueues.map(\.name))])
        }
        guard !rows.isEmpty else { return }
        try transaction.query(
            Statements.insertJobs, JobColumns.parameters(of: rows.sorted { $0.job.id < $1.job.id }))
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

/// A job as it is written.
struct NewRow: Sendable {
    let job: NewJob
    /// The relay is to push it.
    let isFlagged: Bool
}

extension Submission {
    var rows: [NewRow] { jobs.map { NewRow(job: $0, isFlagged: isFlagged) } }
}
