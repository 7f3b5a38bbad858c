// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import PostgresDriver

/// Migrations of tables that others write to meanwhile.
@Suite("Migrator beside writers", .needsPostgres, .ownDatabase) struct MigrationIndexTests {
    /// Each test's own, as is the name of its migrators.
    private let schema = "beside_\(UInt32.random(in: 0 ... .max))"
    private static let create = Migration(
        name: "m0001_create",
        sql: """
            CREATE TABLE rows (id int4 PRIMARY KEY, kind text NOT NULL DEFAULT 'a') PARTITION BY RANGE (id);
            CREATE TABLE rows_1 PARTITION OF rows FOR VALUES FROM (0) TO (1000);
            CREATE TABLE rows_2 PARTITION OF rows FOR VALUES FROM (1000) TO (2000);
            INSERT INTO rows SELECT * FROM generate_series(0, 1500);
            """)
    private static let index = Migration(
        name: "m0002_index", sql: "SELECT 1",
        indexes: [ConcurrentIndex(table: "rows", suffix: "kinds", definition: "(kind, id) WHERE id >= 0")])
    private static let column = Migration(name: "m0002_column", sql: "ALTER TABLE rows ADD COLUMN more text")

    /// Of each index on `rows` and its partitions whether it is valid and a part of the whole.
    private static let kinds = """
        SELECT relname::text || CASE WHEN indisvalid THEN '' ELSE ' is invalid' END
            || CASE WHEN relispartition OR relkind = 'I' THEN '' ELSE ' is apart' END
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = current_schema()::regnamespace AND relname LIKE '%kind%' ORDER BY relname
        """

    private func migrator(
        _ migrations: Migration..., settings: [PostgresConfiguration.Setting] = [],
        logger: Logger = TestPostgres.logger
    ) throws -> Migrator {
        Migrator(
            try TestPostgres.configuration(
                applicationName: schema, settings: [.init("search_path", schema)] + settings),
            migrations: migrations, schema: schema, logger: logger)
    }

    private func withPool<Value>(_ body: (PostgresPool) async throws -> Value) async throws -> Value {
        try await TestPostgres.withPool(
            try TestPostgres.configuration(settings: [.init("search_path", schema)]), size: 4, body)
    }

    private func texts(_ sql: String, _ pool: PostgresPool) async throws -> [String] {
        try await pool.query(PostgresStatement(name: "read", sql: sql), deadline: .seconds(10)).rows.map {
            try $0.text(0)
        }
    }

    private func write(_ ids: Range<Int>, _ pool: PostgresPool) async throws {
        for id in ids {
            _ = try await pool.query(
                PostgresStatement(name: "write", sql: "INSERT INTO rows VALUES (\(id))"), deadline: .seconds(10))
        }
    }

    /// Runs `body` while a transaction is open that has begun with `statement`.
    private func holding<Value: Sendable>(
        _ statement: PostgresStatement..., in pool: PostgresPool, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let (isHeld, isOver) = (Flag(), Flag())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await pool.transaction(deadline: .seconds(120)) { transaction in
                    for statement in statement { try transaction.query(statement) }
                    isHeld.raise()
                    while !isOver.isRaised { try transaction.query("SELECT FROM pg_sleep(0.02)") }
                }
            }
            let value: Value
            do {
                try await eventually("the transaction is open") { isHeld.isRaised }
                value = try await body()
            } catch {
                isOver.raise()
                throw error
            }
            isOver.raise()
            try await group.waitForAll()
            return value
        }
    }

    @Test func `behind a long transaction a migration waits without holding up any writer`() async throws {
        _ = try await migrator(Self.create).run(deadline: .seconds(30))
        try await withPool { pool in
            for migration in [Self.column, Self.index] {
                let tries = Tries()
                let ran = try await holding("UPDATE rows SET kind = 'b' WHERE id = 7", in: pool) {
                    let running = Task {
                        try await migrator(Self.create, migration, logger: tries.logger).run(deadline: .seconds(60))
                    }
                    // Some of them come while it waits for the lock, and are behind it.
                    try await eventually(within: .seconds(60), "the migration gives up twice") {
                        try await write(1501..<1503, pool)
                        _ = try await texts("DELETE FROM rows WHERE id > 1500 RETURNING ''", pool)
                        return tries.count >= 2
                    }
                    let status = try await migrator(Self.create, migration).status(deadline: .seconds(10))
                    #expect(status.pending == [migration.name])
                    return running
                }
                #expect(try await ran.value == [migration.name])
            }
            #expect(try await texts(Self.kinds, pool) == ["rows_1_kinds", "rows_2_kinds", "rows_kinds"])
        }
    }

    @Test func `a build that was killed half-way is taken up again, beside writers and new partitions`() async throws {
        _ = try await migrator(Self.create).run(deadline: .seconds(30))
        try await withPool { pool in
            try await holding(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT FROM rows LIMIT 0", in: pool
            ) {
                let killed = Task { try await migrator(Self.create, Self.index).run(deadline: .seconds(60)) }
                try await eventually("the build waits for the older transaction") {
                    let phases = try await texts(
                        """
                        SELECT phase FROM pg_stat_progress_create_index JOIN pg_stat_activity USING (pid)
                        WHERE application_name = '\(schema)'
                        """, pool)
                    return phases == ["waiting for old snapshots"]
                }
                try await write(1501..<1506, pool)
                for sql in [
                    "CREATE TABLE rows_3 (LIKE rows INCLUDING INDEXES)",
                    "ALTER TABLE rows ATTACH PARTITION rows_3 FOR VALUES FROM (2000) TO (3000)",
                ] {
                    _ = try await pool.query(PostgresStatement(name: "partition", sql: sql), deadline: .seconds(10))
                }
                try await write(2000..<2005, pool)

                _ = try await texts(
                    "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE application_name = '\(schema)'",
                    pool)
                _ = try await postgresError { try await killed.value }
            }
            #expect(try await texts(Self.kinds, pool).contains("rows_1_kinds is invalid is apart"))
            #expect(try await texts("SELECT name FROM schema_migrations", pool) == ["m0001_create"])

            #expect(try await migrator(Self.create, Self.index).run(deadline: .seconds(60)) == ["m0002_index"])

            let valid = try await texts(Self.kinds, pool)
            #expect(valid.count == 4 && !valid.contains { $0.contains("is ") }, "\(valid)")
            let count = try await pool.transaction(deadline: .seconds(10)) { transaction in
                try transaction.run(script: "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
                return try transaction.query("SELECT count(*) FROM rows WHERE kind = 'a' AND id >= 0").rows.first?
                    .integer(0)
            }
            #expect(count == 1501 + 5 + 5)
        }
    }

    @Test func `half of the work done, the other half is added`() async throws {
        _ = try await migrator(Self.create).run(deadline: .seconds(30))
        try await withPool { pool in
            // As a crash leaves it: between a build and its part in the whole, and before the last partition.
            for sql in [
                "CREATE INDEX rows_kinds ON ONLY rows (kind, id) WHERE id >= 0",
                "CREATE INDEX rows_1_kinds ON rows_1 (kind, id) WHERE id >= 0",
            ] {
                _ = try await pool.query(PostgresStatement(name: "half", sql: sql), deadline: .seconds(10))
            }

            #expect(try await migrator(Self.create, Self.index).run(deadline: .seconds(30)) == ["m0002_index"])

            #expect(try await texts(Self.kinds, pool) == ["rows_1_kinds", "rows_2_kinds", "rows_kinds"])
        }
    }

    @Test func `a table without partitions gets its index too`() async throws {
        let create = Migration(name: "m0001_create", sql: "CREATE TABLE rows (id int4, kind text)")

        let ran = try await migrator(create, Self.index).run(deadline: .seconds(30))

        #expect(ran == ["m0001_create", "m0002_index"])
        let indexes = try await withPool { pool in try await texts(Self.kinds, pool) }
        #expect(indexes == ["rows_kinds is apart"])
    }

    @Test func `a partitioned table without partitions gets its index with the first of them`() async throws {
        let create = Migration(
            name: "m0001_create", sql: "CREATE TABLE rows (id int4, kind text) PARTITION BY RANGE (id)")

        _ = try await migrator(create, Self.index).run(deadline: .seconds(30))

        try await withPool { pool in
            _ = try await pool.query(
                "CREATE TABLE rows_1 PARTITION OF rows FOR VALUES FROM (0) TO (10)", deadline: .seconds(10))
            let indexes = try await texts(Self.kinds, pool)
            #expect(indexes.count == 2 && !indexes.contains { $0.contains("is ") }, "\(indexes)")
        }
    }

    @Test func `limits of the role end no migration`() async throws {
        let slow = Migration(name: "m0001_slow", sql: "SELECT pg_sleep(0.3)")

        let ran = try await migrator(slow, settings: [.init("statement_timeout", "100ms")]).run(deadline: .seconds(30))

        #expect(ran == ["m0001_slow"])
    }

    @Test func `a migration that never gets its locks is given up at the deadline`() async throws {
        _ = try await migrator(Self.create).run(deadline: .seconds(30))
        try await withPool { pool in
            try await holding("UPDATE rows SET kind = 'b' WHERE id = 7", in: pool) {
                let error = try await postgresError {
                    try await migrator(Self.create, Self.column).run(deadline: .seconds(2))
                }
                #expect(error.sqlState == "55P03")
                #expect(error.message.contains("m0002_column"))
            }
        }
    }
}

private final class Flag: Sendable {
    private let state = Atomic(false)

    var isRaised: Bool { state.load(ordering: .acquiring) }

    func raise() { state.store(true, ordering: .releasing) }
}

/// How often a migration gave up a lock that it did not get.
private final class Tries: Sendable {
    private let number = Atomic(0)

    var count: Int { number.load(ordering: .acquiring) }

    var logger: Logger { Logger(label: "test") { _ in Handler(tries: self) } }

    private struct Handler: LogHandler {
        let tries: Tries
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        init(tries: Tries) { self.tries = tries }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            if "\(event.message)".contains("tries again") { tries.number.add(1, ordering: .acquiringAndReleasing) }
        }
    }
}
