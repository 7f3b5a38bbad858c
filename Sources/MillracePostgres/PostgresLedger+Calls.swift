// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// The one place where a call gets its deadline and the driver's errors become the ledger's.
extension PostgresLedger {
    /// Runs one statement as a transaction of its own, repeated a few times when another transaction was in its way.
    @discardableResult
    func run(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], within timeout: Duration? = nil
    ) async throws(LedgerError) -> PostgresResult {
        do throws(PostgresError) {
            return try await query(statement, parameters, on: general, within: timeout ?? configuration.callTimeout)
        } catch {
            throw LedgerError(error)
        }
    }

    /// The first row of a statement that always has one.
    func first(
        of statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) async throws(LedgerError) -> PostgresRow {
        guard let row = try await run(statement, parameters).rows.first else {
            throw LedgerError(.protocolViolation, "\(statement.name): no row")
        }
        return row
    }

    /// As `run`, with the driver's own error, for those that look at it.
    func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue], on pool: PostgresPool, within timeout: Duration
    ) async throws(PostgresError) -> PostgresResult {
        let deadline = ContinuousClock.now + timeout
        var triesLeft = Self.conflictTriesMax
        while true {
            do throws(PostgresError) {
                return try await pool.query(statement, parameters, deadline: deadline.timeLeft)
            } catch {
                triesLeft -= 1
                guard error.isRetryable, triesLeft > 0 else { throw error }
            }
        }
    }

    /// Tries of a statement that the server refuses for the sake of another (40001, 40P01).
    static let conflictTriesMax = 4

    /// Runs a decoding of rows.
    func decoding<Value>(_ body: () throws(PostgresError) -> Value) throws(LedgerError) -> Value {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw LedgerError(error)
        }
    }
}
