// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver
import Synchronization

/// The server's clock, as far as it can be known without asking each time: read every ten seconds, and carried on by
/// this machine's.
final class ServerClock: Sendable {
    private struct Reading {
        let time: Timestamp
        let at: ContinuousClock.Instant
    }

    private let reading = Mutex<Reading?>(nil)
    private static let readingAgeMax: Duration = .seconds(10)
    private static let statement = PostgresStatement(name: "read clock", sql: "SELECT clock_timestamp()")

    /// Asks the server.
    func read(on pool: PostgresPool, within timeout: Duration) async throws(PostgresError) -> Timestamp {
        let result = try await pool.query(Self.statement, deadline: timeout)
        let at = ContinuousClock.now
        guard let row = result.rows.first else { throw PostgresError(.decoding, "no clock") }
        let time = try row.time(0)
        reading.withLock { $0 = Reading(time: time, at: at) }
        return time
    }

    /// Asks the server if the last answer is old.
    func now(on pool: PostgresPool, within timeout: Duration) async throws(PostgresError) -> Timestamp {
        if let known { return known }
        return try await read(on: pool, within: timeout)
    }

    private var known: Timestamp? {
        guard let last = reading.withLock(\.self) else { return nil }
        let age = ContinuousClock.now - last.at
        return age < Self.readingAgeMax ? last.time + age : nil
    }
}
