// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("PostgresLedger contract", .needsPostgres, .serialized) struct LedgerContractTests {
    @Test(arguments: LedgerConformance.allCases)
    func `the contract holds`(_ conformance: LedgerConformance) async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await conformance.run(on: PostgresSubject(postgres: ledger, database: database))
        }
    }

    @Test func `random programs give the same answers as the model`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let subject = PostgresSubject(postgres: ledger, database: database)
            try await LedgerComparison(subject: subject).run(programs: 10, steps: 200)
        }
    }
}

/// A ledger in a database of its own, whose time passes by moving all that is stored back.
struct PostgresSubject: LedgerSubject {
    let postgres: PostgresLedger
    let database: TestDatabase

    var ledger: any JobLedger { postgres }

    func advanceClock(by duration: Duration) async throws {
        let statements = [
            """
            UPDATE millrace.job_rows SET
                created_at = created_at - by, due_at = due_at - by, expires_at = expires_at - by,
                started_at = started_at - by, finished_at = finished_at - by
            FROM (SELECT $1::bigint * interval '1 millisecond' AS by) AS shift
            """,
            "UPDATE millrace.queues SET waiting_since = waiting_since - $1::bigint * interval '1 millisecond'",
            """
            UPDATE millrace.api_keys SET
                created_at = created_at - by, expires_at = expires_at - by, revoked_at = revoked_at - by
            FROM (SELECT $1::bigint * interval '1 millisecond' AS by) AS shift
            """,
            "UPDATE millrace.idempotency SET created_at = created_at - $1::bigint * interval '1 millisecond'",
            // By way of a time where none of the others is, as each row is checked at once.
            """
            UPDATE millrace.finished_counts
            SET minute = minute - $1::bigint * interval '1 millisecond' - interval '1000 years'
            """,
            """
            UPDATE millrace.finished_counts
            SET minute = minute + interval '1000 years' + 0 * $1::bigint * interval '1 millisecond'
            """,
        ]
        for sql in statements {
            _ = try await postgres.general.query(
                PostgresStatement(name: "advance", sql: sql), [.int8(duration.milliseconds)], deadline: .seconds(10))
        }
    }

    func reset() async throws {
        let sql = """
            TRUNCATE millrace.job_rows, millrace.queues, millrace.idempotency, millrace.pools, millrace.finished_counts,
                millrace.api_keys
            """
        _ = try await postgres.general.query(PostgresStatement(name: "reset", sql: sql), deadline: .seconds(10))
        for queue in ["comparison-a", "comparison-b"] as [QueueName] { postgres.knownQueues.forget(queue) }
    }
}
