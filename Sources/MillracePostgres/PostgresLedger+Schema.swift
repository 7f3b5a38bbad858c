// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
import PostgresDriver

/// What a database's schema is to this release.
package enum SchemaStatus: Sendable, Equatable {
    /// The one that it knows, or a newer one that allows it to go on.
    case current
    /// Migrations that have not run yet, in order; all of them in a database without a ledger.
    case outdated(pending: [String])
    /// Migrations that it does not know: a newer release was here.
    case unknown([String])
}

extension PostgresLedger {
    /// The files of `Migrations`, in order. Append only. Each leaves the statements of the release before it working, and
    /// allows the last migration that that release knows, or a later one.
    static let migrations = [
        Migration(name: "m0001_create_job_rows", file: PackageResources.m0001_create_job_rows_sql),
        Migration(name: "m0002_create_partitions", file: PackageResources.m0002_create_partitions_sql),
        Migration(name: "m0003_create_jobs_view", file: PackageResources.m0003_create_jobs_view_sql),
        Migration(name: "m0004_create_enqueue", file: PackageResources.m0004_create_enqueue_sql),
        Migration(name: "m0005_add_steps", file: PackageResources.m0005_add_steps_sql, allows: "m0004_create_enqueue"),
        Migration(
            name: "m0006_prune_by_size", file: PackageResources.m0006_prune_by_size_sql, allows: "m0005_add_steps"),
        Migration(
            name: "m0007_mark_suspects", file: PackageResources.m0007_mark_suspects_sql, allows: "m0006_prune_by_size"),
        Migration(
            name: "m0008_index_unflagged", file: PackageResources.m0008_index_unflagged_sql,
            indexes: [
                ConcurrentIndex(
                    table: "job_rows", suffix: "unflagged",
                    definition: "(queue, id) WHERE finished_at IS NULL AND NOT flagged")
            ], allows: "m0007_mark_suspects"),
        Migration(
            name: "m0009_count_lone_runs", file: PackageResources.m0009_count_lone_runs_sql,
            allows: "m0007_mark_suspects"),
        Migration(
            name: "m0010_create_api_keys", file: PackageResources.m0010_create_api_keys_sql,
            allows: "m0009_count_lone_runs"),
    ]

    /// Brings the schema up to date and makes the first partitions. Any number of processes may call it at once, any
    /// number of times.
    /// - Returns: the names of the migrations that ran now, the application's after the ledger's.
    package static func migrate(
        _ configuration: Configuration, logger: Logger
    ) async throws(LedgerError) -> [String] {
        guard case .unknown(let names) = try await schemaStatus(configuration, logger: logger) else {
            return try await runMigrations(configuration, logger: logger)
        }
        throw unknownSchema(names)
    }

    package static func schemaStatus(
        _ configuration: Configuration, logger: Logger
    ) async throws(LedgerError) -> SchemaStatus {
        do throws(PostgresError) {
            let deadline = configuration.callTimeout
            let own = try await migrator(configuration, logger).status(deadline: deadline)
            guard let schema = configuration.applicationSchema else {
                return status(applied: own.applied)
            }
            let beside = try await schema.migrator(configuration.session(), logger: logger).status(deadline: deadline)
            return status(applied: own.applied, beside.applied, of: schema)
        } catch {
            throw LedgerError(error)
        }
    }

    /// - Throws: `.schemaUnknown`, which says what to do, unless the schema is the one of this release.
    package func requireKnownSchema() async throws(LedgerError) {
        try Self.require(await Self.schemaStatus(configuration, logger: logger))
    }

    static func require(_ status: SchemaStatus) throws(LedgerError) {
        switch status {
        case .current: return
        case .unknown(let names): throw unknownSchema(names)
        case .outdated(let pending):
            throw LedgerError(
                .schemaUnknown, "the ledger lacks \(pending.joined(separator: ", ")): run the command `migrate`")
        }
    }

    /// - Parameters:
    ///   - applied: of the ledger's own migrations.
    ///   - beside: of the application's, whose names are told with that of its schema.
    static func status(
        applied: [AppliedMigration], _ beside: [AppliedMigration] = [], of schema: ApplicationSchema? = nil
    ) -> SchemaStatus {
        func qualified(_ name: String) -> String { "\(schema?.name ?? "").\(name)" }
        let applied =
            applied
            + beside.map { AppliedMigration(name: qualified($0.name), allows: $0.allows.map(qualified)) }
        let known = migrations.map(\.name) + (schema?.migrations.map { qualified($0.name) } ?? [])
        let unknown = applied.filter { !$0.isTolerable(to: known) }.map(\.name)
        if !unknown.isEmpty { return .unknown(unknown) }
        let pending = known.filter { name in !applied.contains { $0.name == name } }
        return pending.isEmpty ? .current : .outdated(pending: pending)
    }

    /// Of the application's migrations, over a connection that is there already.
    func appliedBeside(_ schema: ApplicationSchema) async throws(LedgerError) -> [AppliedMigration] {
        let result: PostgresResult
        do throws(PostgresError) {
            result = try await query(schema.listApplied, [], on: general, within: configuration.callTimeout)
        } catch {
            // No schema, no table: nothing was applied.
            if ["3F000", "42P01"].contains(error.sqlState) { return [] }
            throw LedgerError(error)
        }
        return try decoding { () throws(PostgresError) in
            var applied: [AppliedMigration] = []
            for row in result.rows {
                applied.append(AppliedMigration(name: try row.text(0), allows: try row.textIfPresent(1)))
            }
            return applied
        }
    }

    private static func runMigrations(
        _ configuration: Configuration, logger: Logger
    ) async throws(LedgerError) -> [String] {
        do throws(PostgresError) {
            var ran = try await migrator(configuration, logger).run(deadline: configuration.migrationTimeout)
            if let schema = configuration.applicationSchema {
                ran += try await schema.migrator(configuration.session(), logger: logger)
                    .run(deadline: configuration.migrationTimeout)
            }
            let deadline = ContinuousClock.now + configuration.maintenanceTimeout
            let connection = try await PostgresConnection.connect(configuration.session(), deadline: deadline)
            do throws(PostgresError) {
                _ = try await connection.query(Statements.makePartitions, deadline: deadline)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            return ran
        } catch {
            throw LedgerError(error)
        }
    }

    private static func migrator(_ configuration: Configuration, _ logger: Logger) -> Migrator {
        Migrator(configuration.session(), migrations: migrations, logger: logger)
    }

    private static func unknownSchema(_ names: [String]) -> LedgerError {
        LedgerError(
            .schemaUnknown,
            "a newer release has changed the ledger (\(names.joined(separator: ", "))): use that release")
    }
}
