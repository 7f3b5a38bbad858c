// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres
import PostgresDriver
import RedisDriver

/// Reads what matters of the stores, past the contracts.
struct StoreInspector: Sendable {
    private static let deadline: Duration = .seconds(5)

    let addresses: StoreAddresses
    let schema: ApplicationSchema?
    let now: @Sendable () -> Timestamp
    let logger: Logger

    func redis() async throws(CommandError) -> RedisFacts {
        do {
            let configuration = try RedisConfiguration(addresses)
            return try await RedisClient.withClient(configuration, logger: logger) { client in
                let (offset, _) = try await offset {
                    let time = try await client.send(["TIME"], deadline: Self.deadline).asArray(count: 2)
                    guard let seconds = Int64(try time[0].asText()), let microseconds = Int64(try time[1].asText())
                    else {
                        throw CommandError(.unavailable, "Redis: TIME gave no time")
                    }
                    return Timestamp(unixMilliseconds: seconds * 1000 + microseconds / 1000)
                }
                let info = try await client.send(["INFO"], deadline: Self.deadline).asText("INFO")
                guard let facts = RedisFacts(info: info, clockOffset: offset) else {
                    throw CommandError(.unavailable, "Redis: INFO lacks what every Redis says; is this a Redis?")
                }
                return facts
            }
        } catch let error as RedisError {
            throw CommandError(.unavailable, "Redis: \(error.message)")
        } catch {
            throw CommandError(error)
        }
    }

    func database() async throws(CommandError) -> DatabaseFacts {
        do {
            var configuration = PostgresLedger.Configuration(url: addresses.databaseURL)
            configuration.applicationSchema = schema
            let status = try await PostgresLedger.schemaStatus(configuration, logger: logger)
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: addresses.databaseURL), deadline: .now + Self.deadline)
            do {
                let facts = try await read(connection, status)
                await connection.close()
                return facts
            } catch {
                await connection.close()
                throw error
            }
        } catch let error as PostgresError {
            throw CommandError(.unavailable, "PostgreSQL: \(error.message)")
        } catch {
            throw CommandError(error)
        }
    }

    private func read(_ connection: PostgresConnection, _ schema: SchemaStatus) async throws -> DatabaseFacts {
        let (offset, row) = try await offset {
            guard let row = try await connection.query(Self.facts, deadline: .now + Self.deadline).rows.first else {
                throw CommandError(.unavailable, "PostgreSQL: no row")
            }
            return (Timestamp(unixMilliseconds: try row.unixMicroseconds(0) / 1000), row)
        }
        return DatabaseFacts(
            version: try row.text(1), encoding: try row.text(2), isReadOnly: try row.bool(3),
            isCrashSafe: try row.bool(4),
            schemaFault: Self.fault(of: schema), connectionsMax: try row.integer(5),
            connectionsReserved: try row.integer(6),
            connectionsUsed: try row.integer(7), clockOffset: offset)
    }

    private static func fault(of schema: SchemaStatus) -> String? {
        switch schema {
        case .current: nil
        case .outdated(let pending): "schema lacks \(pending.joined(separator: ", ")): run \(Program.name) migrate"
        case .unknown(let names):
            "a newer release has changed the schema (\(names.joined(separator: ", "))): use that release"
        }
    }

    private static let facts = PostgresStatement(
        name: "read-facts",
        sql: """
            SELECT
                clock_timestamp(),
                current_setting('server_version'),
                current_setting('server_encoding'),
                current_setting('transaction_read_only')::boolean,
                current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean,
                current_setting('max_connections')::int8,
                current_setting('superuser_reserved_connections')::int8,
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
            """)

    /// The store's time less ours in the middle of the call.
    private func offset<Value>(
        _ read: () async throws -> (Timestamp, Value)
    ) async throws -> (Duration, Value) {
        let before = now()
        let (time, value) = try await read()
        return (time - before - (now() - before) / 2, value)
    }

    private func offset(_ read: () async throws -> Timestamp) async throws -> (Duration, Void) {
        try await offset { (try await read(), ()) }
    }
}
