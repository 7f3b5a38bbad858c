// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
import PostgresDriver

/// What a database's schema is to this release.
package enum SchemaStatus: Sendable, Equatable {
    /// The one that it knows.
    case current
    /// Migrations that have not run yet, in order; all of them in a database without a ledger.
    case outdated(pending: [String])
    /// Migrations that it does not know: a newer release was here.
    case unknown([String])
}

extension PostgresLedger {
    /// The files of `Migrations`, in order. Append only.
    static let migrations = [
        Migration(name: "m0001_create_job_rows", file: PackageResources.m0001_create_job_rows_sql),
        Migration(name: "m0002_create_partitions", file: PackageResources.m0002_create_partitions_sql),
        Migration(name: "m0003_create_jobs_view", file: PackageResources.m0003_create_jobs_view_sql),
        Migration(name: "m0004_create_enqueue", file: PackageResources.m0004_create_enqueue_sql),
    ]

    /// Brings the schema up to date and makes the first partitions. Any number of processes may call it at once, any
    /// number of times.
    /// - Returns: the names of the migrations that ran now.
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
            let status = try await migrator(configuration, logger).status(deadline: configuration.callTimeout)
            if !status.unknown.isEmpty { return .unknown(status.unknown) }
            return status.pending.isEmpty ? .current : .outdated(pending: status.pending)
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
                .schemaUnknown, "the ledger lacks \(pending.joined(separator: ", ")): run `millrace migrate`")
        }
    }

    static func status(applied: [String]) -> SchemaStatus {
        let known = migrations.map(\.name)
        let unknown = applied.filter { !known.contains($0) }
        if !unknown.isEmpty { return .unknown(unknown) }
        let pending = known.filter { !applied.contains($0) }
        return pending.isEmpty ? .current : .outdated(pending: pending)
    }

    private static func runMigrations(
        _ configuration: Configuration, logger: Logger
    ) async throws(LedgerError) -> [String] {
        do throws(PostgresError) {
            let ran = try await migrator(configuration, logger).run(deadline: configuration.maintenanceTimeout)
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
            "a newer release of Millrace has changed the ledger (\(names.joined(separator: ", "))): use that release")
    }
}
