// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// A row of `read-lifecycles`: what the rules decide on.
struct StoredLifecycle {
    let id: JobID
    let queue: QueueName
    /// Without result, errors, times and flag, on which no verdict depends.
    let lifecycle: JobLifecycle
    /// nil when the queue has no row.
    let isPaused: Bool?
    let now: Timestamp

    init(_ row: PostgresRow) throws(PostgresError) {
        id = try row.jobID(0)
        queue = try row.queue(1)
        now = try row.time(11)
        isPaused = try row.boolIfPresent(10)
        var lifecycle = JobLifecycle(
            of: NewJob(id: id, kind: "unread", queue: queue, payload: [], maxAttempts: try row.integer(6)), now: now)
        lifecycle.state = try row.state(2)
        lifecycle.attempt = try row.integer(3)
        lifecycle.failures = try row.integer(4)
        lifecycle.crashes = try row.integer(5)
        // A clock finer than ours must not make a job due before it is.
        lifecycle.dueAt = try row.time(7) + .milliseconds(1)
        lifecycle.expiresAt = try row.timeIfPresent(8)
        lifecycle.isSuspect = try row.bool(12)
        lifecycle.token = try row.tokenIfPresent(9)
        self.lifecycle = lifecycle
    }
}

extension PostgresLedger {
    func lifecycles(of ids: [JobID], on pool: PostgresPool) async throws(LedgerError) -> [JobID: StoredLifecycle] {
        do throws(PostgresError) {
            let result = try await query(
                Statements.readLifecycles, [.uuidArray(ids.map(\.bytes))], on: pool, within: configuration.callTimeout)
            var stored: [JobID: StoredLifecycle] = [:]
            for row in result.rows {
                let lifecycle = try StoredLifecycle(row)
                stored[lifecycle.id] = lifecycle
            }
            return stored
        } catch {
            throw LedgerError(error)
        }
    }
}
