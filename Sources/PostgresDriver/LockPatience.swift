// SPDX-License-Identifier: Apache-2.0

import Logging

/// How a migration waits for a lock that others hold.
///
/// Whoever waits for a strong lock makes all wait that come after it, however weak theirs are: behind one long transaction a
/// migration would stop every writer. So it waits briefly, gives the lock up, and lets the others go on ten times as long before
/// it tries again. It waits a little longer each time: after a second of waiting the server ends an autovacuum that is in the way
/// (`deadlock_timeout`), and at most ``waitMax``.
struct LockPatience: Sendable {
    static let waitMin: Duration = .milliseconds(100)
    static let waitMax: Duration = .milliseconds(1600)
    private static let pauseFactor = 10

    /// When the whole migration is given up.
    let limit: ContinuousClock.Instant
    let logger: Logger
    private var wait = LockPatience.waitMin

    init(until limit: ContinuousClock.Instant, logger: Logger) {
        self.limit = limit
        self.logger = logger
    }

    /// Runs `body` in a transaction that waits only briefly for each lock, until it gets all that it needs.
    func briefly(
        _ connection: PostgresConnection, _ body: @Sendable (PostgresTransaction) throws(PostgresError) -> Void
    ) async throws(PostgresError) {
        var patience = self
        while true {
            let milliseconds = Int64(patience.wait / .milliseconds(1))
            do {
                return try await connection.transaction(deadline: limit) { transaction in
                    try transaction.run(script: "SET LOCAL lock_timeout = \(milliseconds)")
                    try body(transaction)
                }
            } catch {
                let error = error as? PostgresError ?? PostgresError(.unavailable, "\(error)")
                guard error.isRetryable || error.sqlState == "55P03" else { throw error }
                try await patience.pause(after: error)
            }
        }
    }

    /// Lets others go on for a while.
    /// - Throws: `error` when there is no time left for another try, `.cancelled` when the task was.
    mutating func pause(after error: PostgresError) async throws(PostgresError) {
        let pause = wait * Self.pauseFactor
        guard ContinuousClock.now + pause < limit else { throw error }
        logger.info(
            "a migration was in others' way, and tries again",
            metadata: ["millrace.delay": "\(pause)", "error": "\(error.message)"])
        wait = min(wait * 2, Self.waitMax)
        do {
            try await Task.sleep(for: pause * Double.random(in: 0.8...1.2))
        } catch {
            throw PostgresError(.cancelled, "cancelled while others went on")
        }
    }
}
