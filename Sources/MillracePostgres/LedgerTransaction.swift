// SPDX-License-Identifier: Apache-2.0

public import Millrace
public import PostgresDriver

/// A transaction of the application that can also submit jobs: rows and jobs are committed together, or not at all.
///
/// It runs on a connection's own thread and must not be used outside of its closure. After a statement failed, rethrow
/// its error.
public final class LedgerTransaction {
    private let transaction: PostgresTransaction
    private let now: Timestamp
    private(set) var jobs: [NewJob] = []

    init(_ transaction: PostgresTransaction, now: Timestamp) {
        self.transaction = transaction
        self.now = now
    }

    /// Runs a statement and blocks until it is done.
    /// - Throws: `PostgresError`: nothing is committed, whatever its code.
    @discardableResult
    public func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) throws(PostgresError) -> PostgresResult {
        try transaction.query(statement, parameters)
    }

    /// Submits a job if and when the transaction commits; the relay pushes it to the broker a moment later.
    /// - Returns: its id. The row is written when the closure has returned.
    /// - Throws: ``PayloadError`` when the job cannot be encoded; ``LedgerError`` with `.overloaded` beyond
    ///   ``Limits/batchJobsMax`` jobs.
    @discardableResult
    public func enqueue<J: Job>(_ job: J, _ options: EnqueueOptions = EnqueueOptions()) throws -> JobID {
        guard jobs.count < Limits.batchJobsMax else {
            throw LedgerError(.overloaded, "over \(Limits.batchJobsMax) jobs in one transaction")
        }
        let new = try NewJob(job, options, now: now)
        jobs.append(new)
        return new.id
    }

    /// Writes the submitted jobs, as the last thing before the commit: a queue's new row holds up other writers of it.
    /// - Returns: queues that have a row now.
    func writeJobs(unless known: KnownQueues) throws(PostgresError) -> [QueueName] {
        let newQueues = known.unknown(of: jobs.lazy.map(\.queue))
        try JobWriter.write(jobs, newQueues: newQueues, isFlagged: true, in: transaction)
        return newQueues
    }
}
