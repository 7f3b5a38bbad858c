// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import PostgresDriver
import RedisDriver

/// Reads how much CPU the stores and this process have used.
struct BenchMeter: Sendable {
    private static let deadline: Duration = .seconds(5)

    /// CPU seconds since each began.
    struct Usage: Sendable {
        var own: Double
        var redis: Double
        /// nil when it cannot be read.
        var postgres: Double?
    }

    private let client: RedisClient
    /// The server's first process, when it is one of this machine.
    private let postmaster: Int32?

    /// Runs `body` with a meter.
    static func with<Value>(
        _ addresses: StoreAddresses, logger: Logger, _ body: (BenchMeter) async throws -> Value
    ) async throws -> Value {
        let postmaster = try await postmaster(at: addresses.databaseURL)
        let configuration: RedisConfiguration
        do throws(RedisError) {
            configuration = try RedisConfiguration(addresses)
        } catch {
            throw CommandError(.usage, "\(StoreAddresses.redisVariable): \(error.message)")
        }
        return try await RedisClient.withClient(configuration, logger: logger) { client in
            try await body(BenchMeter(client: client, postmaster: postmaster))
        }
    }

    func read() async throws(CommandError) -> Usage {
        let info: String
        do throws(RedisError) {
            info = try await client.send(["INFO", "cpu"], deadline: Self.deadline).asText("INFO")
        } catch {
            throw CommandError(.unavailable, "Redis: \(error.message)")
        }
        guard let redis = Self.redisSeconds(info: info) else {
            throw CommandError(.unavailable, "Redis: INFO does not say how much CPU it used")
        }
        return Usage(own: ProcessTimes.own, redis: redis, postgres: postmaster.flatMap(ProcessTimes.family(of:)))
    }

    /// Of all its threads, in the system and outside; not of the children that write its files anew.
    static func redisSeconds(info: String) -> Double? {
        var seconds: [Substring: Double] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { seconds[parts[0]] = Double(parts[1]) }
        }
        guard let system = seconds["used_cpu_sys"], let user = seconds["used_cpu_user"] else { return nil }
        return system + user
    }

    /// nil when PostgreSQL is on another machine, in a container of its own, or hides its processes.
    private static func postmaster(at url: String) async throws -> Int32? {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: url), deadline: .now + deadline)
            do throws(PostgresError) {
                let rows = try await connection.query(whereabouts, deadline: .now + deadline).rows
                let isHere = try rows.first?.bool(1) ?? false
                // While the connection lasts: its process ends with it.
                let backend = isHere ? ProcessTimes.status(of: Int32(clamping: try rows[0].integer(0))) : nil
                await connection.close()
                return backend.flatMap { $0.name == "postgres" ? $0.parent : nil }
            } catch {
                await connection.close()
                throw error
            }
        } catch {
            throw CommandError(.unavailable, "PostgreSQL: \(error.message)")
        }
    }

    private static let whereabouts = PostgresStatement(
        name: "read-whereabouts",
        sql: """
            SELECT
                pg_backend_pid()::int8,
                inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr()
            """)
}
