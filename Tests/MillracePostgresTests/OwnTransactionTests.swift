// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver
import Testing

@testable import MillracePostgres

/// Jobs that are submitted where the application's own rows are written: by Swift, or by SQL.
@Suite("Submissions in one's own transaction", .needsPostgres) struct OwnTransactionTests {
    private struct FollowUp: Job {
        static let kind: JobKind = "samples.follow-up"
        static let defaults = JobOptions(queue: "follow-ups")
        var number: Int
    }

    private struct Refusal: Error {}

    private static let insert = PostgresStatement(name: "insert", sql: "INSERT INTO business (number) VALUES ($1)")

    @Test func `an application submits jobs in its own transaction`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await database.run("CREATE TABLE business (number integer)")

            let id = try await ledger.transaction { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                return try transaction.enqueue(FollowUp(number: 1), EnqueueOptions(priority: .high))
            }
            await #expect(throws: Refusal.self) {
                try await ledger.transaction { transaction in
                    try transaction.enqueue(FollowUp(number: 2))
                    throw Refusal()
                }
            }

            let flagged = try await ledger.flagged(limit: 10)
            #expect(flagged.map(\.id) == [id])
            #expect(try await ledger.pushable([id], bytesMax: 1).first?.job.priority == .high)
            #expect(try await database.count("SELECT count(*)::integer FROM business") == 1)
        }
    }

    @Test func `SQL of any language submits a job in its own transaction`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let call = """
                SELECT millrace.enqueue('email.send', '{"to": 9007199254740993}', queue => 'email', priority => 'low',
                    run_at => now() + interval '1 minute', tags => ARRAY['x'])
                """
            let bytes = try #require(try await database.run(call).rows.first).uuid(0)
            await #expect(throws: PostgresError.self) {
                try await database.run("BEGIN; SELECT millrace.enqueue('email.send', '{}'); SELECT 1 / 0; COMMIT")
            }

            let id = try #require(JobID(bytes: bytes))
            #expect(id.bytes[6] >> 4 == 7)
            #expect(id.bytes[8] >> 6 == 2)
            let now = Timestamp.now()
            #expect(abs((now - id.time).milliseconds) < 60_000)
            let row = try #require(try await ledger.job(id))
            #expect(row.payload == Array(#"{"to": 9007199254740993}"#.utf8))
            #expect(row.queue == "email")
            #expect(row.priority == .low)
            #expect(row.state == .scheduled)
            #expect(row.tags == ["x"])
            #expect(try await ledger.flagged(limit: 10).map(\.id) == [id])
            #expect(try await ledger.queues().map(\.queue) == ["email"])
        }
    }

    @Test(arguments: [
        "'Bad Kind', '{}'", "'k', '{}', queue => 'a b'", "'k', '{}', priority => 'urgent'", "'k', '{'",
        "'k', '{}', max_attempts => 0", "'k', '{}', timeout => '2 days'",
        "'k', '{}', run_at => now() + interval '2 years'",
        "'k', '{}', tags => array_fill('t'::text, ARRAY[17])", "NULL, '{}'", "'k', NULL", "'k', '{}', queue => NULL",
    ])
    func `SQL is refused what the API refuses`(_ arguments: String) async throws {
        try await TestDatabase.withLedger { _, database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.run("SELECT millrace.enqueue(\(arguments))")
            }

            #expect(error?.sqlState?.hasPrefix("22") == true)
        }
    }

    @Test func `a submission from SQL is on disk, whatever its session says`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let (before, during) = try await ledger.handlers.transaction(deadline: .seconds(20)) { transaction in
                try transaction.run(script: "SET synchronous_commit = off")
                let show = PostgresStatement(name: "show", sql: "SELECT current_setting('synchronous_commit')")
                let before = try transaction.query(show).rows[0].text(0)
                try transaction.run(script: "SELECT millrace.enqueue('k', '{}')")
                return (before, try transaction.query(show).rows[0].text(0))
            }

            #expect(before == "off")
            #expect(during == "on")
        }
    }
}
