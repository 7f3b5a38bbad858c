// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import PostgresDriver
import Synchronization

extension PostgresLedger {
    /// Runs an application's statements in one transaction, together with the jobs that it submits.
    ///
    /// The closure blocks a thread of its own, and may run again after a connection that was dead before it began.
    /// Cancelling the task cancels the statement that runs, and rolls back.
    /// - Parameter timeout: for all of it, waiting for a connection included. Default 30 s.
    /// - Throws: what `body` throws, which rolls back; `PostgresError`: with `.outcomeUnknown` it may have been
    ///   committed, else it was not.
    public func transaction<Value: Sendable>(
        timeout: Duration = .seconds(30), _ body: @Sendable (LedgerTransaction) throws -> Value
    ) async throws -> Value {
        let now = try await clock.now(on: general, within: min(timeout, configuration.callTimeout))
        return try await withPartitions { () throws in
            let (value, newQueues) = try await handlers.transaction(deadline: timeout) { transaction in
                let scope = LedgerTransaction(transaction, now: now)
                let value = try body(scope)
                return (value, try scope.writeJobs(unless: knownQueues))
            }
            knownQueues.add(newQueues)
            return value
        }
    }

    /// Runs an attempt's statements in one transaction with its outcome.
    ///
    /// The row is locked and its attempt looked at before anything else, so that no newer attempt can begin until this
    /// has ended; then it is written with the result, and committed. So the statements of an attempt are visible if and
    /// only if it is the recorded one.
    func complete<Output: Encodable & Sendable>(
        _ context: JobContext, timeout: Duration, _ body: @Sendable (LedgerTransaction) throws -> Output
    ) async throws -> Output {
        let returned = Mutex<Output?>(nil)
        let hasBegun = Mutex(false)
        do {
            let now = try await clock.now(on: general, within: min(timeout, configuration.callTimeout))
            try await withPartitions(and: context.unclaimed?.job.id) { () throws in
                let newQueues = try await handlers.transaction(deadline: timeout) { transaction in
                    hasBegun.withLock { $0 = true }
                    Failpoint.reached(.transactionNotHeld)
                    if let unclaimed = context.unclaimed {
                        let row = AdoptedRow.parameters(of: [AdoptedRow(unclaimed)], shard: shard)
                        try transaction.query(Statements.adoptJobs, row)
                    }
                    let scope = LedgerTransaction(transaction, now: now)
                    let attempt = try Self.hold(context, in: scope)
                    let output = try body(scope)
                    let result = try Self.encoded(output)
                    // Last, since it may wait for other writers of the same queue or minute.
                    let newQueues = try scope.writeJobs(unless: knownQueues)
                    let outcome = Outcome(id: context.id, attempt: attempt, ending: .completed(result))
                    try Self.record(outcome, shard: transactionShard, in: transaction)
                    returned.withLock { $0 = output }
                    Failpoint.reached(.transactionNotCommitted)
                    return newQueues
                }
                Failpoint.reached(.transactionCommitted)
                knownQueues.add(newQueues)
            }
        } catch let error as PostgresError {
            // Time that went by waiting for a connection is the store's, not the handler's.
            if error.code == .deadlineExceeded, !hasBegun.withLock(\.self) { throw RunInterrupted("\(error)") }
            try await resolve(error, of: context)
        }
        guard let output = returned.withLock(\.self) else {
            throw LedgerError(.protocolViolation, "committed without an output")
        }
        context.committedOutcome.set(.recorded(.completed))
        return output
    }

    /// Runs statements of an attempt that goes on after them, if it is still the one that holds the job.
    func write<Value: Sendable>(
        _ context: JobContext, timeout: Duration, _ body: @Sendable (LedgerTransaction) throws -> Value
    ) async throws -> Value {
        if let unclaimed = context.unclaimed { try await adopt([unclaimed]) }
        do {
            return try await transaction(timeout: timeout) { transaction in
                _ = try Self.hold(context, in: transaction)
                return try body(transaction)
            }
        } catch let error as PostgresError where error.code == .outcomeUnknown {
            // The next run looks what became of it.
            throw RunInterrupted("\(error)")
        } catch let error as PostgresError {
            throw Self.meaning(of: error)
        }
    }

    /// One of as many as there are connections, so that transactions seldom wait for each other's counts.
    private var transactionShard: Int64 {
        shard &+ .random(in: 1...Int64(max(configuration.transactionConnections, 1)))
    }

    /// Returns the attempt that holds the job, which is this one.
    private static func hold(_ context: JobContext, in transaction: LedgerTransaction) throws -> Int {
        let rows = try transaction.query(Statements.holdAttempt, [.uuid(context.id.bytes)]).rows
        if Safeguard.fence.isOff, let row = rows.first { return try row.integer(1) }
        guard let row = rows.first, try row.integer(1) == context.attempt, try row.state(0) == .running else {
            throw RunInterrupted("attempt \(context.attempt) was fenced off, or cancelled")
        }
        return context.attempt
    }

    private static func encoded(_ output: some Encodable) throws -> [UInt8] {
        let result = try encodedJSON(output)
        guard result.count <= Limits.payloadBytesMax else {
            throw JobSignal.permanent(
                "the result has \(result.count) bytes, at most \(Limits.payloadBytesMax) can be stored")
        }
        return result
    }

    private static func record(
        _ outcome: Outcome, shard: Int64, in transaction: PostgresTransaction
    ) throws {
        // From here on no statement of the application follows: plan as the ledger's own sessions do.
        try transaction.run(script: localPlannerSettings)
        let written = try transaction.query(
            Statements.recordOutcomes, OutcomeColumns.parameters(of: [outcome], shard: shard))
        guard written.rowCount == 1 else {
            throw RunInterrupted("attempt \(outcome.attempt) is not there to be recorded")
        }
    }

    private static let localPlannerSettings = plannerSettings.map { "SET LOCAL \($0.name) = '\($0.value)'" }
        .joined(separator: "; ")

    /// Returns when the transaction is known to have been committed.
    private func resolve(_ error: PostgresError, of context: JobContext) async throws {
        guard error.code == .outcomeUnknown else { throw Self.meaning(of: error) }
        try await learnFate(of: context)
    }

    /// What an error that committed nothing means for the run: a store's fault costs the job nothing.
    private static func meaning(of error: PostgresError) -> any Error {
        switch error.code {
        case .unavailable, .overloaded, .configuration: RunInterrupted("\(error)")
        case .cancelled: CancellationError()
        case .server where error.isConnectionError || error.isServersOwnFault: RunInterrupted("\(error)")
        default: error
        }
    }

    /// A commit whose answer was lost is never repeated, only looked for: the lock waits for one that is still under
    /// way.
    ///
    /// Where even that fails the run is given back, by a fenced write, which finds out the same.
    private func learnFate(of context: JobContext) async throws {
        var last: PostgresError?
        for _ in 0..<Self.fateLooksMax {
            let isCommitted: Bool
            do throws(PostgresError) {
                let result = try await query(
                    Statements.holdAttempt, [.uuid(context.id.bytes)], on: general, within: configuration.callTimeout)
                if let row = result.rows.first {
                    isCommitted = (try row.integer(1) == context.attempt, try row.state(0)) == (true, .completed)
                } else {
                    isCommitted = false
                }
            } catch {
                last = error
                continue
            }
            guard isCommitted else { throw RunInterrupted("its transaction was rolled back") }
            return
        }
        throw RunInterrupted("whether its transaction was committed is not known yet: \(last?.message ?? "")")
    }

    /// Each waits a second for the row's lock.
    private static let fateLooksMax = 5

    /// Runs a transaction again after a partition that it missed was made.
    ///
    /// - Parameter id: of a job that may be older than what partitions are made for.
    private func withPartitions<Value>(
        and id: JobID? = nil, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as PostgresError where error.isMissingPartition {
            logger.error("a partition of job_rows was missing and is made; maintenance has not run for days")
            try await run(Statements.makePartitions)
            if let id { try await makePartitions(for: [id], on: general) }
            return try await body()
        }
    }
}
