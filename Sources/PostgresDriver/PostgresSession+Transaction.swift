// SPDX-License-Identifier: Apache-2.0

import CLibPQ

extension PostgresSession {
    /// Runs `body` between `BEGIN` and `COMMIT`, without letting go of the thread.
    func transaction<Value>(
        _ call: PostgresCall, _ body: (PostgresTransaction) throws -> Value
    ) throws -> Value {
        try begin(call)
        let transaction = PostgresTransaction(session: self, call: call)
        let value: Value
        do {
            defer { transaction.end() }
            value = try body(transaction)
            try checkCommittable(transaction)
            try call.check()
        } catch {
            rollBack(call)
            throw error
        }
        try commit(call)
        return value
    }

    private func begin(_ call: PostgresCall) throws(PostgresError) {
        try call.check()
        try checkAlive()
        do throws(Failure) {
            // Whatever the database's default: fences and locks are looked at again by each statement.
            _ = try run(script: "BEGIN ISOLATION LEVEL READ COMMITTED", call)
        } catch {
            var meaning = error.meaning(whenBroken: .unavailable)
            if isBroken, error.interruption == nil { meaning.isStale = true }
            if !isBroken { rollBack(call) }
            throw meaning
        }
    }

    /// A body that swallowed an error must not look like success: the server would answer `COMMIT` with a rollback.
    private func checkCommittable(_ transaction: PostgresTransaction) throws(PostgresError) {
        switch connection.map({ PQtransactionStatus($0) }) {
        case PQTRANS_INTRANS: return
        case PQTRANS_IDLE:
            throw PostgresError(.outcomeUnknown, "the transaction was ended by one of its own statements")
        default:
            throw transaction.lastFailure ?? PostgresError(.unavailable, "the connection broke")
        }
    }

    /// Not interruptible: a cancelled wait for a synchronous standby would answer success.
    private func commit(_ call: PostgresCall) throws(PostgresError) {
        do throws(Failure) {
            let result = try run(script: "COMMIT", call, isInterruptible: false)
            guard result.commandTag == "COMMIT" else {
                throw Failure(
                    error: PostgresError(.server, "COMMIT was answered with \(result.commandTag)", sqlState: "25P02"),
                    severity: "ERROR", interruption: nil)
            }
        } catch {
            if error.severity == "ERROR" { throw error.error }
            if !error.wasSent { throw error.meaning(whenBroken: .unavailable) }
            throw error.error.with(.outcomeUnknown, note: "COMMIT")
        }
    }

    /// Leaves the session usable or finished.
    private func rollBack(_ call: PostgresCall) {
        guard let connection, PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
        let now = ContinuousClock.now
        let limit = PostgresCall(deadline: call.isCancelled ? now : max(call.deadline, now), wakeup: wakeup)
        do throws(Failure) {
            _ = try run(script: "ROLLBACK", limit, isInterruptible: false)
        } catch {
            // What the caller is told is why it came to this; the server rolls back when the session ends.
            finish()
        }
    }
}
