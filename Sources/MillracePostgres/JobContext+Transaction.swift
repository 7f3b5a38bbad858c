// SPDX-License-Identifier: Apache-2.0

public import Millrace

extension JobContext {
    /// Writes rows of the application, follow-up jobs and this run's own completion in one transaction: all of it, or
    /// nothing.
    ///
    /// ```swift
    /// handlers.register(Capture.self) { job, context in
    ///     let charge = try await provider.capture(job.order, idempotencyKey: "\(context.id)")
    ///     return try await context.transaction { transaction in
    ///         try transaction.query(markPaid, [.uuid(job.order), .text(charge.reference)])
    ///         try transaction.enqueue(SendReceipt(order: job.order))
    ///         return Capture.Output(reference: charge.reference)
    ///     }
    /// }
    /// ```
    ///
    /// To be called last: what it returns is the job's result, and whatever the handler does after it no longer counts.
    /// If another worker has taken the job over, nothing is written. The closure blocks a thread of its own, not the
    /// caller's, and may run again after a connection that was dead before it began.
    /// - Parameter timeout: for all of it, waiting for a connection included. Default 30 s.
    /// - Throws: what `body` throws, which rolls back and is this run's failure. A store that fails costs the job
    ///   nothing: rethrow whatever comes.
    public func transaction<Output: Encodable & Sendable>(
        timeout: Duration = .seconds(30), _ body: @Sendable (LedgerTransaction) throws -> Output
    ) async throws -> Output {
        try await postgresLedger.complete(self, timeout: timeout, body)
    }

    /// Writes rows of the application, and jobs, in a transaction of their own, while this run goes on.
    ///
    /// For what must be known before an effect outside, such as that it is about to be asked for:
    ///
    /// ```swift
    /// try await context.write { transaction in try transaction.query(markAsked, [.uuid(job.order)]) }
    /// let charge = try await provider.capture(job.order, idempotencyKey: context.idempotencyKey(for: "capture"))
    /// ```
    ///
    /// Nothing is written unless this run still holds the job. A run that is repeated does it again: write so that this
    /// makes no difference. The closure blocks a thread of its own, not the caller's, and may run again after a connection that was dead
    /// before it began.
    /// - Parameter timeout: for all of it, waiting for a connection included. Default 30 s.
    /// - Throws: what `body` throws, which rolls back. A store that fails costs the job nothing: rethrow whatever comes.
    public func write<Value: Sendable>(
        timeout: Duration = .seconds(30), _ body: @Sendable (LedgerTransaction) throws -> Value
    ) async throws -> Value {
        try await postgresLedger.write(self, timeout: timeout, body)
    }

    private var postgresLedger: PostgresLedger {
        get throws(LedgerError) {
            guard let ledger = submitter.ledger as? PostgresLedger else {
                throw LedgerError(.misconfigured, "a transaction needs the PostgreSQL ledger")
            }
            return ledger
        }
    }
}
