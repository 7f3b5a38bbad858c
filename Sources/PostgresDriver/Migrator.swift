// SPDX-License-Identifier: Apache-2.0

package import Logging

/// A named change of the schema: indexes that are built beside writers, then SQL of many statements, which must not end the
/// transaction.
///
/// The SQL must be quick where tables are large, and ask for the strongest of its locks first: it holds all of them until it has
/// the last one. What it waits for, it gives up and tries again as a whole: see ``LockPatience``.
package struct Migration: Sendable {
    package let name: String
    package let sql: String
    /// Built first, in order.
    package let indexes: [ConcurrentIndex]
    /// A binary that knows this migration, though not the new one, may go on with the changed schema, so that a release can
    /// be rolled out process by process. Nil = none may.
    package let allows: String?

    package init(name: String, sql: String, indexes: [ConcurrentIndex] = [], allows: String? = nil) {
        self.name = name
        self.sql = sql
        self.indexes = indexes
        self.allows = allows
    }

    /// Takes the text of an embedded file.
    package init(name: String, file: [UInt8], indexes: [ConcurrentIndex] = [], allows: String? = nil) {
        self.init(name: name, sql: String(decoding: file, as: UTF8.self), indexes: indexes, allows: allows)
    }
}

/// A migration's row in the table of its schema.
package struct AppliedMigration: Sendable, Equatable {
    package let name: String
    /// As ``Migration/allows``.
    package let allows: String?

    package init(name: String, allows: String? = nil) {
        self.name = name
        self.allows = allows
    }

    /// Whether a binary with these migrations may use a schema with this one.
    package func isTolerable(to known: some Sequence<String>) -> Bool {
        known.contains { $0 == name || $0 == allows }
    }
}

/// Brings a database to the schema that this binary knows, and remembers in a table what it did.
///
/// Any number of processes may run it at once: one works under an advisory lock, the others wait and find nothing to do.
/// Each migration is a transaction of its own, together with its row in the table, after the indexes that it builds. One that was
/// killed is taken up where it was by the next migrator. The role's `statement_timeout` and `lock_timeout` do not apply.
package struct Migrator: Sendable {
    package struct Status: Sendable, Equatable {
        /// By time; also those that are not in this binary.
        package let applied: [AppliedMigration]
        /// In the order in which they would run.
        package let pending: [String]
    }

    private let configuration: PostgresConfiguration
    private let schema: String
    private let table: String
    private let migrations: [Migration]
    private let logger: Logger

    /// - Parameter migrations: in order, with names that never change.
    package init(
        _ configuration: PostgresConfiguration, migrations: [Migration], schema: String = "millrace",
        table: String = "schema_migrations", logger: Logger = Logger(label: "millrace.postgres")
    ) {
        var session = configuration
        session.settings += [.init("statement_timeout", "0"), .init("lock_timeout", "0")]
        self.configuration = session
        self.migrations = migrations
        self.schema = schema
        self.table = table
        self.logger = logger
    }

    /// Runs what is missing.
    /// - Parameter deadline: for all of it, waiting for another migrator included; at most a day.
    /// - Returns: the names of those that ran, in order.
    /// - Throws: `PostgresError`, whose message names the migration; those before it stay applied.
    package func run(deadline: Duration) async throws(PostgresError) -> [String] {
        try await withConnection(deadline) { connection, limit throws(PostgresError) in
            try await lock(connection, limit)
            try await createTable(connection, limit)
            let applied = Set(try await readApplied(connection, limit).map(\.name))
            var ran: [String] = []
            for migration in migrations where !applied.contains(migration.name) {
                try await apply(migration, connection, LockPatience(until: limit, logger: logger))
                ran.append(migration.name)
            }
            return ran
        }
    }

    /// Reads what was applied, without waiting for a migrator that runs.
    package func status(deadline: Duration) async throws(PostgresError) -> Status {
        let applied = try await withConnection(deadline) { connection, limit throws(PostgresError) in
            try await hasTable(connection, limit) ? try await readApplied(connection, limit) : []
        }
        return Status(
            applied: applied,
            pending: migrations.map(\.name).filter { name in !applied.contains { $0.name == name } })
    }

    private func withConnection<Value: Sendable>(
        _ deadline: Duration,
        _ body: (PostgresConnection, ContinuousClock.Instant) async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let limit = ContinuousClock.Instant.after(deadline)
        let connection = try await PostgresConnection.connect(configuration, deadline: limit)
        do throws(PostgresError) {
            let value = try await body(connection, limit)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Asks again and again: who waits in a statement is an older transaction to the build of an index, which would wait for it.
    private func lock(
        _ connection: PostgresConnection, _ limit: ContinuousClock.Instant
    ) async throws(PostgresError) {
        let tryLock = PostgresStatement(name: "lock migrations", sql: "SELECT pg_try_advisory_lock($1)")
        while try await connection.query(tryLock, [.int8(lockKey)], deadline: limit).rows.first?.bool(0) != true {
            guard ContinuousClock.now + Self.lockPause < limit else {
                throw PostgresError(.deadlineExceeded, "another migrator has been at work all the time")
            }
            do {
                try await Task.sleep(for: Self.lockPause)
            } catch {
                throw PostgresError(.cancelled, "cancelled while another migrator was at work")
            }
        }
    }

    private static let lockPause: Duration = .milliseconds(100)

    private func apply(
        _ migration: Migration, _ connection: PostgresConnection, _ patience: LockPatience
    ) async throws(PostgresError) {
        let insert = PostgresStatement(
            name: "record migration", sql: "INSERT INTO \(qualifiedTable) (name, allows) VALUES ($1, $2)")
        let about = "migration \(migration.name)"
        do throws(PostgresError) {
            for index in migration.indexes {
                try await ConcurrentIndexBuild(
                    index: index, schema: schema, connection: connection, patience: patience
                ).run()
            }
        } catch {
            throw error.with(error.code, note: about)
        }
        do throws(PostgresError) {
            try await patience.briefly(connection) { transaction throws(PostgresError) in
                try transaction.run(script: migration.sql)
                try transaction.query(insert, [.text(migration.name), .text(migration.allows)])
            }
        } catch {
            let line = error.position.map { ", line \(migration.sql.prefix($0).filter(\.isNewline).count + 1)" } ?? ""
            throw error.with(error.code, note: about + line)
        }
        logger.info("migration applied", metadata: ["millrace.migration": "\(migration.name)"])
    }

    private func createTable(
        _ connection: PostgresConnection, _ limit: ContinuousClock.Instant
    ) async throws(PostgresError) {
        // Asked first, as even `IF NOT EXISTS` needs the right to create, which a later release's role may lack.
        if try await hasTable(connection, limit) { return try await addColumn(connection, limit) }
        let statements = [
            "CREATE SCHEMA IF NOT EXISTS \(Self.quoted(schema))",
            """
            CREATE TABLE IF NOT EXISTS \(qualifiedTable) (
                name text PRIMARY KEY,
                allows text,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
            )
            """,
        ]
        for sql in statements {
            _ = try await connection.query(
                PostgresStatement(name: "create migration table", sql: sql), deadline: limit)
        }
    }

    /// For a table that was made before migrations said what they allow.
    private func addColumn(
        _ connection: PostgresConnection, _ limit: ContinuousClock.Instant
    ) async throws(PostgresError) {
        let find = PostgresStatement(
            name: "find migration column",
            sql: "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'allows')")
        let result = try await connection.query(find, [.text(qualifiedTable)], deadline: limit)
        if try result.rows.first?.bool(0) == true { return }
        _ = try await connection.query(
            PostgresStatement(
                name: "add migration column", sql: "ALTER TABLE \(qualifiedTable) ADD COLUMN IF NOT EXISTS allows text"),
            deadline: limit)
    }

    private func hasTable(
        _ connection: PostgresConnection, _ limit: ContinuousClock.Instant
    ) async throws(PostgresError) -> Bool {
        let result = try await connection.query(
            PostgresStatement(name: "find migration table", sql: "SELECT to_regclass($1) IS NOT NULL"),
            [.text(qualifiedTable)], deadline: limit)
        return try result.rows.first?.bool(0) ?? false
    }

    private func readApplied(
        _ connection: PostgresConnection, _ limit: ContinuousClock.Instant
    ) async throws(PostgresError) -> [AppliedMigration] {
        let result = try await connection.query(
            PostgresStatement(
                name: "list migrations", sql: "SELECT name, allows FROM \(qualifiedTable) ORDER BY applied_at, name"),
            deadline: limit)
        var applied: [AppliedMigration] = []
        for row in result.rows {
            applied.append(AppliedMigration(name: try row.text(0), allows: try row.textIfPresent(1)))
        }
        return applied
    }

    private var qualifiedTable: String { "\(Self.quoted(schema)).\(Self.quoted(table))" }

    static func quoted(_ identifier: String) -> String {
        "\"" + identifier.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// FNV-1a of the table's name: the same in every process.
    private var lockKey: Int64 {
        let hash = qualifiedTable.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return Int64(bitPattern: hash)
    }
}
