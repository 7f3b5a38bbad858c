// SPDX-License-Identifier: Apache-2.0

/// A transaction that was begun, valid within the closure that gets it.
///
/// After a statement failed the server refuses all others: rethrow the error, which rolls back.
public final class PostgresTransaction {
    private let session: PostgresSession
    private let call: PostgresCall
    private var hasEnded = false
    /// The first statement that failed.
    private(set) var lastFailure: PostgresError?

    init(session: PostgresSession, call: PostgresCall) {
        self.session = session
        self.call = call
    }

    /// Runs a statement, prepared on its first use on this connection, and blocks until it is done.
    /// - Throws: `PostgresError`: nothing is committed, whatever its code.
    @discardableResult
    public func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) throws(PostgresError) -> PostgresResult {
        try attempt { () throws(PostgresError) in
            try session.queryInTransaction(statement, parameters, call)
        }
    }

    /// Runs commands separated by semicolons, without parameters. They must not end the transaction.
    package func run(script: String) throws(PostgresError) {
        try attempt { () throws(PostgresError) in
            try call.check()
            do throws(PostgresSession.Failure) {
                _ = try session.run(script: script, call)
            } catch {
                throw error.meaning(whenBroken: .unavailable)
            }
        }
    }

    func end() { hasEnded = true }

    private func attempt<Value>(_ body: () throws(PostgresError) -> Value) throws(PostgresError) -> Value {
        precondition(!hasEnded, "a transaction is valid only within its closure")
        do throws(PostgresError) {
            return try body()
        } catch {
            lastFailure = lastFailure ?? error
            throw error
        }
    }
}
