// SPDX-License-Identifier: Apache-2.0

import Logging

/// An index that a migration builds while others go on reading and writing.
package struct ConcurrentIndex: Sendable {
    /// The table, in the migrator's schema: partitioned or not, but not in several levels.
    package let table: String
    /// The index is named for its table, and each partition's for the partition: `job_rows_unflagged`,
    /// `job_rows_20260101_unflagged`.
    package let suffix: String
    /// What follows the table in `CREATE INDEX`: `(queue, id) WHERE …`.
    package let definition: String

    package init(table: String, suffix: String, definition: String) {
        self.table = table
        self.suffix = suffix
        self.definition = definition
    }
}

/// Builds a ``ConcurrentIndex`` in steps that can be taken up again.
///
/// On a partitioned table the index is made without content first, so that a partition that is made meanwhile gets it by itself;
/// then each partition's is built beside its writers (`CONCURRENTLY`, which no transaction may hold) and attached. Each step looks at
/// what is there, so after a crash at any point the next migrator goes on; an index that was left half-built is dropped, and
/// built anew.
///
/// A build waits for transactions that are older than itself, however long they take: that holds up nobody. What would hold others
/// up, a lock of the table or of an index in use, is waited for as ``LockPatience`` says.
struct ConcurrentIndexBuild {
    let index: ConcurrentIndex
    let schema: String
    let connection: PostgresConnection
    let patience: LockPatience

    func run() async throws(PostgresError) {
        guard try await isPartitioned() else { return try await build(on: index.table) }
        let whole = name(on: index.table)
        if try await validity(of: whole) == nil {
            try await briefly(
                "CREATE INDEX \(Migrator.quoted(whole)) ON ONLY \(qualified(index.table)) \(index.definition)")
        }
        var vanished: String?
        while let partition = try await partitionWithout(whole) {
            do throws(PostgresError) {
                try await build(on: partition)
                try await briefly("ALTER INDEX \(qualified(whole)) ATTACH PARTITION \(qualified(name(on: partition)))")
            } catch {
                // Dropped meanwhile, it is not found again.
                guard error.isMissingRelation, vanished != partition else { throw error }
                vanished = partition
            }
        }
    }

    /// Builds the index of one table, unless it is there.
    private func build(on table: String) async throws(PostgresError) {
        let name = name(on: table)
        var patience = patience
        while true {
            do throws(PostgresError) {
                let found = try await validity(of: name)
                if found == true { return }
                if found == false {
                    patience.logger.info(
                        "an index that was left half-built is dropped", metadata: ["millrace.index": "\(name)"])
                    try await alone("DROP INDEX CONCURRENTLY \(qualified(name))")
                }
                patience.logger.info(
                    "an index is being built, others go on writing", metadata: ["millrace.index": "\(name)"])
                try await alone(
                    "CREATE INDEX CONCURRENTLY \(Migrator.quoted(name)) ON \(qualified(table)) \(index.definition)")
            } catch {
                // One that waits in a statement for what this session holds is waited for by the build: a circle.
                guard error.isRetryable else { throw error }
                try await patience.pause(after: error)
            }
        }
    }

    // MARK: - What the catalogue says

    private func isPartitioned() async throws(PostgresError) -> Bool {
        let row = try await ask(
            "SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = $1::regclass", qualified(index.table))
        return try row?.bool(0) ?? false
    }

    /// nil when there is no index of this name.
    private func validity(of name: String) async throws(PostgresError) -> Bool? {
        try await ask(
            "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)", qualified(name))?.bool(0)
    }

    /// The first partition of which no index is a part of the whole one.
    private func partitionWithout(_ whole: String) async throws(PostgresError) -> String? {
        let sql = """
            SELECT part.relname::text
            FROM pg_catalog.pg_inherits AS link
            JOIN pg_catalog.pg_class AS part ON part.oid = link.inhrelid
            WHERE link.inhparent = $1::regclass
              AND NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_inherits AS attached
                JOIN pg_catalog.pg_index AS piece ON piece.indexrelid = attached.inhrelid
                WHERE attached.inhparent = $2::regclass AND piece.indrelid = part.oid
              )
            ORDER BY part.relname
            LIMIT 1
            """
        return try await ask(sql, qualified(index.table), qualified(whole))?.text(0)
    }

    private func name(on table: String) -> String { "\(table)_\(index.suffix)" }

    private func qualified(_ name: String) -> String { "\(Migrator.quoted(schema)).\(Migrator.quoted(name))" }

    // MARK: - Statements

    private func ask(_ sql: String, _ parameters: String...) async throws(PostgresError) -> PostgresRow? {
        try await connection.query(
            PostgresStatement(name: "look for index", sql: sql), parameters.map { .text($0) }, deadline: patience.limit
        ).rows.first
    }

    /// Runs one statement outside of any transaction, for as long as it takes.
    private func alone(_ sql: String) async throws(PostgresError) {
        _ = try await connection.query(PostgresStatement(name: "build index", sql: sql), deadline: patience.limit)
    }

    private func briefly(_ sql: String) async throws(PostgresError) {
        try await patience.briefly(connection) { transaction throws(PostgresError) in
            try transaction.run(script: sql)
        }
    }
}

extension PostgresError {
    /// A table or an index that was there a moment ago is not.
    fileprivate var isMissingRelation: Bool { sqlState == "42P01" || sqlState == "42704" }
}
