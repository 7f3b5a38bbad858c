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

    /// Takes note of a caller's idempotency key, if and when the transaction commits.
    ///
    /// To be called before anything else is written: another transaction with the same key is waited for, 250 ms at
    /// most.
    /// - Returns: `.accepted` to go on; `.replayed` with the first answer when the same request was carried out before:
    ///   write nothing then.
    /// - Throws: ``LedgerError`` with `.keyReused` when it was another request, with `.keyInFlight` when the first one
    ///   is still under way; `PostgresError`.
    package func note(_ idempotency: Idempotency) throws -> Acceptance {
        let known: Result<Acceptance, LedgerError>?
        do throws(PostgresError) {
            known = try IdempotencyKeys.write([idempotency], in: transaction)[0]
            // The wait for a key is short, for other rows it need not be.
            try transaction.run(script: "SET LOCAL lock_timeout TO DEFAULT")
        } catch {
            guard error.isLockTimeout else { throw error }
            throw LedgerError(.keyInFlight, "the first request with this idempotency key is still being written")
        }
        return try known?.get() ?? .accepted
    }

    /// Writes the submitted jobs, as the last thing before the commit: a queue's new row holds up other writers of it.
    /// - Returns: queues that have a row now.
    func writeJobs(unless known: KnownQueues) throws(PostgresError) -> [QueueName] {
        let newQueues = known.unknown(of: jobs.lazy.map(\.queue))
        try JobWriter.write(
            jobs.map { NewRow(job: $0, isFlagged: true) }, newQueues: newQueues, in: transaction)
        return newQueues
    }
}
