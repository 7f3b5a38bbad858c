// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("Schema", .needsPostgres) struct SchemaTests {
    @Test func `many processes may migrate at once, and again`() async throws {
        try await TestDatabase.withEmptyDatabase { database in
            let ran = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(ran == PostgresLedger.migrations.map(\.name))
            #expect(try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger) == [])
            #expect(try await database.count("SELECT count(*)::integer FROM millrace.partitions") == 9)
            try await database.withLedger { try await $0.check() }
        }
    }

    @Test func `an empty database is told apart from one without the latest migration`() async throws {
        try await TestDatabase.withEmptyDatabase { database in
            let names = PostgresLedger.migrations.map(\.name)
            let empty = try await PostgresLedger.schemaStatus(database.configuration, logger: TestDatabase.logger)
            #expect(empty == .outdated(pending: names))
            try await database.withLedger { ledger in
                let error = await #expect(throws: LedgerError.self) { try await ledger.requireKnownSchema() }
                #expect(error?.code == .schemaUnknown)
                #expect(error?.message.contains("run the command `migrate`") == true)
                #expect(await #expect(throws: LedgerError.self) { try await ledger.check() }?.code == .schemaUnknown)
            }

            _ = try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger)
            try await database.run("DELETE FROM millrace.schema_migrations WHERE name = '\(names[3])'")
            let older = try await PostgresLedger.schemaStatus(database.configuration, logger: TestDatabase.logger)
            #expect(older == .outdated(pending: [names[3]]))
        }
    }

    @Test func `a schema of a newer release is refused, and not migrated`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await database.run("INSERT INTO millrace.schema_migrations (name) VALUES ('m9999_from_the_future')")

            for attempt in [
                { try await ledger.check() }, { try await ledger.requireKnownSchema() },
                { _ = try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: LedgerError.self) { try await attempt() }
                #expect(error?.code == .schemaUnknown)
                #expect(error?.message.contains("m9999_from_the_future") == true)
            }
        }
    }

    @Test func `a schema one step newer that allows this release is used, and left alone`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let last = try #require(PostgresLedger.migrations.last?.name)
            try await database.run("ALTER TABLE millrace.job_rows ADD COLUMN of_the_future text DEFAULT 'x'")
            try await database.run(
                "INSERT INTO millrace.schema_migrations (name, allows) VALUES ('m9998_next', '\(last)')")
            let job = Samples.job()

            try await ledger.check()
            try await ledger.requireKnownSchema()
            #expect(try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger) == [])
            try await ledger.start(job)
            #expect(try await ledger.record([Samples.completed(job.id)]) == [.recorded(.completed)])

            try await database.run(
                "INSERT INTO millrace.schema_migrations (name, allows) VALUES ('m9999_later', 'm9998_next')")
            let error = await #expect(throws: LedgerError.self) { try await ledger.requireKnownSchema() }
            #expect(error?.message.contains("(m9999_later)") == true)
        }
    }

    @Test func `every migration but the first four allows the release before it`() {
        let migrations = PostgresLedger.migrations
        for (index, migration) in migrations.enumerated().dropFirst(4) {
            let before = migrations[..<index].map(\.name)
            #expect(migration.allows.map(before.contains) == true, "\(migration.name)")
        }
        // One release brings these two.
        #expect(migrations[7..<9].map(\.allows) == ["m0007_mark_suspects", "m0007_mark_suspects"])
    }

    @Test func `a ledger of an older release is migrated while it is written to`() async throws {
        try await TestDatabase.withEmptyDatabase { database in
            let (older, newer) = (PostgresLedger.migrations.prefix(7), PostgresLedger.migrations.dropFirst(7))
            #expect(newer.first?.name == "m0008_index_unflagged", "the first that builds an index beside writers")
            let before = Migrator(
                PostgresConfiguration(url: database.url), migrations: Array(older), logger: TestDatabase.logger)
            _ = try await before.run(deadline: .seconds(60))
            try await database.run("SELECT millrace.make_partitions()")
            try await database.withLedger { ledger in
                try await ledger.accept(Samples.jobs(500))

                let written = try await withThrowingTaskGroup(of: Int.self) { group in
                    group.addTask {
                        var count = 0
                        while (try? await ledger.requireKnownSchema()) == nil || count < 20 {
                            // This release's own statements want the new schema.
                            try await database.run("SELECT millrace.enqueue('orders.ship', '{}')")
                            count += 1
                        }
                        return count
                    }
                    let ran = try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger)
                    #expect(ran == newer.map(\.name))
                    return try await group.reduce(0, +)
                }

                #expect(try await database.count("SELECT count(*)::integer FROM millrace.jobs") == 500 + written)
                let rows = try await ledger.unfinished(
                    age: .seconds(-60) ..< .seconds(600), in: nil, after: nil, limit: 500)
                #expect(rows.count == 500)
            }
        }
    }

    @Test func `each partition has each index, also one that is made later`() async throws {
        try await TestDatabase.withLedger { _, database in
            try await database.run("SELECT millrace.make_partition((now() AT TIME ZONE 'UTC')::date + 30)")

            let missing = try await database.count(
                """
                SELECT count(*)::integer
                FROM pg_index AS whole
                CROSS JOIN millrace.partitions AS part
                WHERE whole.indrelid = 'millrace.job_rows'::regclass
                  AND NOT EXISTS (
                    SELECT FROM pg_inherits AS link JOIN pg_index AS piece ON piece.indexrelid = link.inhrelid
                    WHERE link.inhparent = whole.indexrelid AND piece.indisvalid
                      AND piece.indrelid = format('millrace.%I', part.name)::regclass)
                """)

            #expect(missing == 0)
            #expect(
                try await database.count(
                    "SELECT count(*)::integer FROM pg_index WHERE indexrelid = 'millrace.job_rows_unflagged'::regclass AND indisvalid"
                ) == 1)
        }
    }

    @Test func `a missing partition is made before a submission fails`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let day = try await database.run("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')").rows.first?.text(0)
            try await database.run("DROP TABLE millrace.job_rows_\(try #require(day))")
            let error = await #expect(throws: LedgerError.self) { try await ledger.check() }
            #expect(error?.code == .unavailable)
            let jobs = Samples.jobs(20)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for job in jobs { group.addTask { try await ledger.accept([job]) } }
                try await group.waitForAll()
            }

            #expect(try await ledger.jobs(jobs.map(\.id)).count == jobs.count)
            try await ledger.check()
        }
    }

    @Test func `maintenance makes the partitions of a week ahead, and every id of those days has one`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let names = try await database.run("SELECT name FROM millrace.partitions ORDER BY name").rows.map {
                try $0.text(0)
            }
            for name in names { try await database.run("DROP TABLE millrace.\(name)") }

            try await ledger.maintain()

            let made = try await database.run("SELECT name FROM millrace.partitions ORDER BY name").rows.map {
                try $0.text(0)
            }
            #expect(made == names)
            let today = Timestamp.now().unixMilliseconds / 86_400_000
            for day in (today - 1)...(today + 7) {
                for milliseconds in [day * 86_400_000, (day + 1) * 86_400_000 - 1] {
                    var generator = SystemRandomNumberGenerator()
                    let id = JobID(at: Timestamp(unixMilliseconds: milliseconds), using: &generator)
                    try await database.run(
                        """
                        INSERT INTO millrace.job_rows (
                            id, created_at, due_at, state, timeout_ms, max_attempts, priority, flagged, queue, kind,
                            payload)
                        VALUES ('\(id)', now(), now(), 'ready', 1, 1, 2, false, 'q', 'k', '{}')
                        """)
                }
            }
        }
    }

    @Test func `old partitions go when nothing in them is needed any more`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            for day in [20, 15, 10] { try await Self.insertOld(daysAgo: day, rows: 50, in: database) }
            // One that is still to run, and one that has just ended.
            try await database.run(
                """
                UPDATE millrace.job_rows SET state = 'ready', finished_at = NULL
                WHERE id = (SELECT min(id::text)::uuid FROM millrace.job_rows)
                """)
            try await database.run(
                """
                UPDATE millrace.job_rows SET finished_at = now()
                WHERE id = (SELECT max(id::text)::uuid FROM millrace.job_rows)
                """)

            try await ledger.maintain()

            let left = try await database.run(
                """
                SELECT (now() AT TIME ZONE 'UTC')::date - day, (SELECT count(*) FROM millrace.job_rows AS job
                    WHERE job.id >= millrace.least_id(day::timestamp AT TIME ZONE 'UTC')
                    AND job.id < millrace.least_id((day + 1)::timestamp AT TIME ZONE 'UTC'))
                FROM millrace.partitions WHERE day < now() - interval '3 days' ORDER BY day
                """
            ).rows.map { [try $0.integer(0), try $0.integer(1)] }
            #expect(left == [[20, 1], [10, 1]])
        }
    }

    @Test func `for want of room the oldest days go first, and nothing that has not ended`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            for day in [4, 3, 2] { try await Self.insertOld(daysAgo: day, rows: 2000, in: database) }
            try await database.run(
                """
                UPDATE millrace.job_rows SET state = 'ready', finished_at = NULL
                WHERE id = (SELECT id FROM millrace.job_rows ORDER BY id OFFSET 3000 LIMIT 1)
                """)
            let size = try await database.run(
                "SELECT sum(pg_total_relation_size(format('millrace.%I', name)::regclass))::bigint FROM millrace.partitions"
            ).rows.first?.int8(0)
            let total = try #require(size)

            // Room for all, for two of the three days, for half of it, and for none.
            var left: [Int] = []
            for bytes in [total, total * 8 / 10, total / 2, 0] {
                try await database.withLedger({ $0.retentionBytes = bytes }) { try await $0.maintain() }
                left.append(try await database.count("SELECT count(*)::integer FROM millrace.job_rows"))
            }

            // The day of the row that is still to run stays as it is: rows that are deleted give no room back.
            #expect(left == [6000, 4000, 2000, 2000])
        }
    }

    @Test func `a claim of a job that was forgotten says so`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let requests = [Samples.job(age: .seconds(3 * 86_400)), Samples.job()].map { Samples.request($0.id) }

            let verdicts = try await ledger.claim(requests, process: Samples.process)

            #expect(verdicts == [.pruned, .missing])
        }
    }

    @Test func `a queue whose row is gone gets it back, and its jobs run`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let job = Samples.job()
            try await ledger.accept([job])
            try await database.run("DELETE FROM millrace.queues")

            let verdicts = try await ledger.claim([Samples.request(job.id)], process: Samples.process)

            #expect(verdicts == [.run(Claim(attempt: 1, failures: 0, maxAttempts: Limits.maxAttempts))])
            #expect(try await ledger.queues().map(\.queue) == [Samples.queue])
        }
    }

    @Test func `the view is what people read`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            var job = Samples.job(#"{"b": 1.50, "a": 9007199254740993}"#)
            job.priority = .high
            job.tags = ["a", "b"]
            try await ledger.start(job)
            for (name, result) in [("charge", #"{"n": 1.50}"#), ("tell", #""a\u0000b""#)] {
                _ = try await ledger.recordStep(name, result: Array(result.utf8), of: job.id, attempt: 1)
            }
            _ = try await ledger.record([
                Outcome(id: job.id, attempt: 1, ending: .retry(after: .seconds(60), error: "no"))
            ])
            try await ledger.accept([Samples.job(queue: "other")])

            let row = try #require(
                try await database.run(
                    """
                    SELECT state, priority, payload::text, errors::text, worker, tags, attempt, failures,
                        timeout::text, steps::text, (SELECT steps::text FROM millrace.jobs WHERE queue = 'other') AS none
                    FROM millrace.jobs WHERE queue = 'samples'
                    """
                ).rows.first)

            #expect(try row.text("state") == "scheduled")
            #expect(try row.text("priority") == "high")
            #expect(try row.text("payload") == #"{"b": 1.50, "a": 9007199254740993}"#)
            #expect(try row.text("errors").contains(#""error" : "no""#))
            #expect(try row.text("worker") == "0000000000000007")
            #expect(try row.textArray("tags") == ["a", "b"])
            let steps = try row.text("steps")
            #expect(steps.contains(#""name" : "charge", "attempt" : 1, "at" : "2"#), "\(steps)")
            #expect(steps.contains(#""result" : {"n": 1.50}"#) && steps.contains(#""result" : "a\u0000b""#), "\(steps)")
            #expect(try row.text("none") == "[]")
        }
    }

    @Test func `the server's connections are counted`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let budget = try await ledger.connectionBudget()

            #expect(budget.allowed > 0)
            #expect(budget.used > 0)
            #expect(budget.wanted == 10)
        }
    }

    private static func insertOld(daysAgo: Int, rows: Int, in database: TestDatabase) async throws {
        try await database.run("SELECT millrace.make_partition((now() AT TIME ZONE 'UTC')::date - \(daysAgo))")
        try await database.run(
            """
            INSERT INTO millrace.job_rows (
                id, created_at, due_at, state, finished_at, timeout_ms, max_attempts, priority, flagged, queue, kind,
                payload)
            SELECT
                (left(millrace.least_id(((now() AT TIME ZONE 'UTC')::date - \(daysAgo))::timestamp
                    AT TIME ZONE 'UTC')::text, 24) || lpad(to_hex(number), 12, '0'))::uuid,
                now(), now(), 'completed', now() - interval '\(daysAgo) days', 600000, 20, 2, false, 'old', 'old', '{}'
            FROM generate_series(1, \(rows)) AS number
            """)
    }
}
