// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PostgresDriver

@Suite("Migrator", .needsPostgres, .ownDatabase) struct MigratorTests {
    private let first = Migration(
        name: "m0001_first", sql: "CREATE TABLE IF NOT EXISTS a (n int4); -- two; statements\nINSERT INTO a VALUES (1);"
    )
    private let second = Migration(name: "m0002_second", sql: "INSERT INTO a VALUES (2)")

    private func migrator(_ schema: String, _ migrations: Migration...) throws -> Migrator {
        Migrator(
            try TestPostgres.configuration(settings: [.init("search_path", schema)]), migrations: migrations,
            schema: schema, logger: TestPostgres.logger)
    }

    private func values(_ schema: String) async throws -> [Int32] {
        try await TestPostgres.withPool { pool in
            try await pool.query(
                PostgresStatement(name: "read", sql: "SELECT n FROM \(schema).a ORDER BY n"), deadline: .seconds(10)
            ).rows.map { try $0.int4(0) }
        }
    }

    @Test func `what is missing runs, once and in order`() async throws {
        #expect(try await migrator("once", first).run(deadline: .seconds(10)) == ["m0001_first"])
        #expect(try await migrator("once", first, second).run(deadline: .seconds(10)) == ["m0002_second"])
        #expect(try await migrator("once", first, second).run(deadline: .seconds(10)) == [])

        #expect(try await values("once") == [1, 2])
    }

    @Test func `a database that was migrated before migrations said what they allow is taken on`() async throws {
        try await TestPostgres.withPool { pool in
            for sql in [
                "CREATE SCHEMA before",
                "CREATE TABLE before.schema_migrations (name text PRIMARY KEY, "
                    + "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())",
                "INSERT INTO before.schema_migrations (name) VALUES ('m0001_first')",
            ] {
                _ = try await pool.query(PostgresStatement(name: "prepare", sql: sql), deadline: .seconds(10))
            }
        }
        let next = Migration(name: "m0002_next", sql: "SELECT 1", allows: "m0001_first")

        #expect(try await migrator("before", first, next).run(deadline: .seconds(10)) == ["m0002_next"])

        let status = try await migrator("before", first, next).status(deadline: .seconds(10))
        #expect(
            status.applied == [
                AppliedMigration(name: "m0001_first"), AppliedMigration(name: "m0002_next", allows: "m0001_first"),
            ])
        #expect(status.pending == [])
    }

    @Test func `the status tells what is applied and pending`() async throws {
        let empty = try await migrator("status", first, second).status(deadline: .seconds(10))
        _ = try await migrator("status", first).run(deadline: .seconds(10))
        let half = try await migrator("status", first, second).status(deadline: .seconds(10))
        let older = try await migrator("status", second).status(deadline: .seconds(10))

        let applied = [AppliedMigration(name: "m0001_first")]
        #expect(empty == .init(applied: [], pending: ["m0001_first", "m0002_second"]))
        #expect(half == .init(applied: applied, pending: ["m0002_second"]))
        #expect(older == .init(applied: applied, pending: ["m0002_second"]))
    }

    @Test func `an older binary tolerates a migration that allows it, one step and no more`() async throws {
        let next = Migration(name: "m0002_next", sql: "SELECT 1", allows: "m0001_first")
        let later = Migration(name: "m0003_later", sql: "SELECT 1", allows: "m0002_next")
        _ = try await migrator("steps", first, next, later).run(deadline: .seconds(10))

        let applied = try await migrator("steps", first).status(deadline: .seconds(10)).applied

        #expect(applied.filter { !$0.isTolerable(to: ["m0001_first"]) }.map(\.name) == ["m0003_later"])
        #expect(applied.allSatisfy { $0.isTolerable(to: ["m0001_first", "m0002_next"]) })
        #expect(try await migrator("steps", first).run(deadline: .seconds(10)) == [])
    }

    @Test func `migrators at once do the work of one`() async throws {
        let slow = Migration(name: "m0002_slow", sql: "SELECT pg_sleep(0.2); INSERT INTO a VALUES (2)")

        let runs = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 {
                group.addTask { try await migrator("race", first, slow).run(deadline: .seconds(30)) }
            }
            return try await group.reduce(into: [[String]]()) { $0.append($1) }
        }

        #expect(runs.sorted { $0.count > $1.count } == [["m0001_first", "m0002_slow"], [], [], []])
        #expect(try await values("race") == [1, 2])
    }

    @Test func `bad SQL names its migration and line, and leaves nothing of it`() async throws {
        let bad = Migration(name: "m0002_bad", sql: "INSERT INTO a VALUES (2);\n\nINSERT INTO nowhere VALUES (1);\n")

        let error = try await postgresError { try await migrator("bad", first, bad).run(deadline: .seconds(10)) }

        #expect(error.code == .server)
        #expect(error.sqlState == "42P01")
        #expect(error.message == #"migration m0002_bad, line 3: relation "nowhere" does not exist"#)
        #expect(try await values("bad") == [1])
        #expect(try await migrator("bad", first, bad).status(deadline: .seconds(10)).pending == ["m0002_bad"])
    }

    @Test func `waiting for another migrator counts against the deadline`() async throws {
        let slow = Migration(name: "m0001_slow", sql: "CREATE TABLE a (n int4); SELECT pg_sleep(2)")
        async let holder = migrator("held", slow).run(deadline: .seconds(30))
        try await eventually("the lock is held") {
            try await TestPostgres.withPool { pool in
                let held = try await pool.query(
                    """
                    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                    WHERE locktype = 'advisory' AND granted AND datname = current_database()
                    """, deadline: .seconds(10))
                return try #require(held.rows.first).integer(0) > 0
            }
        }

        let error = try await postgresError { try await migrator("held", slow).run(deadline: .milliseconds(200)) }

        #expect(error.code == .deadlineExceeded)
        #expect(try await holder == ["m0001_slow"])
    }
}
