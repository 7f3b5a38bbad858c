// SPDX-License-Identifier: Apache-2.0

import PostgresDriver
import Testing

@Suite("PostgresTransaction", .needsPostgres, .ownDatabase) struct PostgresTransactionTests {
    private struct Refusal: Error, Equatable {
        let number: Int
    }

    /// A table of this test's own, with one row.
    private func withTable(
        _ name: String, _ body: (PostgresPool, PostgresStatement, () async throws -> Int) async throws -> Void
    ) async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            _ = try await pool.query(
                PostgresStatement(name: "make", sql: "CREATE TABLE \(name) (n int4 PRIMARY KEY)"),
                deadline: .seconds(10))
            let insert = PostgresStatement(name: "insert", sql: "INSERT INTO \(name) VALUES ($1)")
            try await body(pool, insert) {
                let result = try await pool.query(
                    PostgresStatement(name: "count", sql: "SELECT count(*) FROM \(name)"), deadline: .seconds(10))
                return try #require(result.rows.first).integer(0)
            }
        }
    }

    @Test func `what the closure returns is committed`() async throws {
        try await withTable("committed") { pool, insert, count in
            let affected = try await pool.transaction(deadline: .seconds(10)) { transaction in
                try transaction.query(insert, [.int4(1)]).affectedRows
                    + transaction.query(insert, [.int4(2)]).affectedRows
            }

            #expect(affected == 2)
            #expect(try await count() == 2)
        }
    }

    @Test func `an error of the closure rolls back and comes out as it is`() async throws {
        try await withTable("thrown") { pool, insert, count in
            await #expect(throws: Refusal(number: 7)) {
                try await pool.transaction(deadline: .seconds(10)) { transaction in
                    try transaction.query(insert, [.int4(1)])
                    throw Refusal(number: 7)
                }
            }
            let left = try await count()

            #expect(left == 0)
        }
    }

    @Test func `a server's error rolls back, with all its facts`() async throws {
        try await withTable("refused") { pool, insert, count in
            let error = try await postgresError {
                try await pool.transaction(deadline: .seconds(10)) { transaction in
                    try transaction.query(insert, [.int4(1)])
                    try transaction.query(insert, [.int4(1)])
                }
            }

            #expect(error.code == .server)
            #expect(error.sqlState == "23505")
            #expect(error.isDataError && !error.isRetryable && !error.isConnectionError)
            #expect(error.constraint == "refused_pkey")
            #expect(error.table == "refused")
            #expect(error.detail == "Key (n)=(1) already exists.")
            #expect(error.message.hasPrefix("insert: "))
            #expect(try await count() == 0)
        }
    }

    @Test func `a swallowed error is no success`() async throws {
        try await withTable("swallowed") { pool, insert, count in
            let error = try await postgresError {
                try await pool.transaction(deadline: .seconds(10)) { transaction in
                    try transaction.query(insert, [.int4(1)])
                    _ = try? transaction.query(insert, [.int4(1)])
                }
            }

            #expect(error.sqlState == "23505")
            #expect(try await count() == 0)
        }
    }

    @Test func `a savepoint lets a transaction go on after an error`() async throws {
        try await withTable("saved") { pool, insert, count in
            try await pool.transaction(deadline: .seconds(10)) { transaction in
                try transaction.query(insert, [.int4(1)])
                try transaction.query("SAVEPOINT here")
                _ = try? transaction.query(insert, [.int4(1)])
                try transaction.query("ROLLBACK TO here")
                try transaction.query(insert, [.int4(2)])
            }

            #expect(try await count() == 2)
        }
    }

    @Test func `a constraint that is checked at the commit is a server's error`() async throws {
        try await withTable("deferred") { pool, insert, count in
            _ = try await pool.query(
                "ALTER TABLE deferred ADD CONSTRAINT late UNIQUE (n) DEFERRABLE INITIALLY DEFERRED",
                deadline: .seconds(10))
            _ = try await pool.query("ALTER TABLE deferred DROP CONSTRAINT deferred_pkey", deadline: .seconds(10))

            let inTransaction = try await postgresError {
                try await pool.transaction(deadline: .seconds(10)) { transaction in
                    try transaction.query(insert, [.int4(1)])
                    try transaction.query(insert, [.int4(1)])
                }
            }
            let alone = try await postgresError {
                try await pool.query(
                    "INSERT INTO deferred SELECT 1 FROM generate_series(1, 2)", deadline: .seconds(10))
            }

            #expect(inTransaction.code == .server && inTransaction.sqlState == "23505")
            #expect(alone.code == .server && alone.sqlState == "23505")
            #expect(try await count() == 0)
        }
    }

    @Test func `a serialization failure can be repeated`() async throws {
        let error = try await postgresError {
            try await TestPostgres.withPool { pool in
                try await pool.query(
                    "DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$", deadline: .seconds(10))
            }
        }

        #expect(error.isRetryable)
    }

    @Test func `a prepared statement outlives a change of its table`() async throws {
        try await withTable("reshaped") { pool, insert, _ in
            let all: PostgresStatement = "SELECT * FROM reshaped"
            _ = try await pool.query(insert, [.int4(1)], deadline: .seconds(10))
            _ = try await pool.query(all, deadline: .seconds(10))
            _ = try await pool.query("ALTER TABLE reshaped ADD COLUMN m int4", deadline: .seconds(10))

            let result = try await pool.query(all, deadline: .seconds(10))

            #expect(result.columns == ["n", "m"])
        }
    }

    @Test func `a prepared statement that the server forgot is prepared again`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let one: PostgresStatement = "SELECT 1"
            _ = try await pool.query(one, deadline: .seconds(10))
            _ = try await pool.query("DEALLOCATE ALL", deadline: .seconds(10))

            let result = try await pool.query(one, deadline: .seconds(10))

            #expect(try result.rows.first?.int4(0) == 1)
        }
    }

    @Test func `one text serves parameters of several types`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let echo: PostgresStatement = "SELECT $1 AS a"

            let number = try await pool.query(echo, [.int8(1)], deadline: .seconds(10))
            let word = try await pool.query(echo, [.text("one")], deadline: .seconds(10))
            let none = try await pool.query(echo, [.null], deadline: .seconds(10))

            #expect(try number.rows.first?.int8(0) == 1)
            #expect(try word.rows.first?.text(0) == "one")
            #expect(try none.rows.first?.isNull(0) == true)
        }
    }

    @Test func `more statements than a session keeps all work`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            for number in 0..<600 {
                let statement = PostgresStatement(name: "number", sql: "SELECT \(number)")
                let result = try await pool.query(statement, deadline: .seconds(10))
                #expect(try result.rows.first?.integer(0) == number)
            }
            let kept = try await pool.query("SELECT count(*) FROM pg_prepared_statements", deadline: .seconds(10))
            #expect(try #require(kept.rows.first).integer(0) <= 256)
        }
    }

    @Test func `settings hold in every session`() async throws {
        let configuration = try TestPostgres.configuration(
            applicationName: "millrace 'quoted'",
            settings: [.init("search_path", "a, \"B c\""), .init("work_mem", "5MB")])

        try await TestPostgres.withPool(configuration) { pool in
            let result = try await pool.query(
                """
                SELECT current_setting('search_path') AS path, current_setting('work_mem') AS memory,
                    current_setting('TimeZone') AS zone, current_setting('client_encoding') AS encoding,
                    current_setting('application_name') AS name
                """, deadline: .seconds(10))
            let row = try #require(result.rows.first)
            #expect(try row.text("path") == "a, \"B c\"")
            #expect(try row.text("memory") == "5MB")
            #expect(try row.text("zone") == "UTC")
            #expect(try row.text("encoding") == "UTF8")
            #expect(try row.text("name") == "millrace 'quoted'")
        }
    }
}
