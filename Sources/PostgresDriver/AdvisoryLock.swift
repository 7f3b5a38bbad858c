// SPDX-License-Identifier: Apache-2.0

/// A lock in the database that one process at a time holds, on a connection of its own: it ends with that connection.
///
/// Not through a proxy that shares sessions between clients.
package final class AdvisoryLock: Sendable {
    private let connection: PostgresConnection

    private init(_ connection: PostgresConnection) { self.connection = connection }

    /// The key of a lock with a name; FNV-1a, so the same in every process.
    package static func key(of name: String) -> Int64 {
        Int64(
            bitPattern: name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    }

    /// Takes the lock if nobody holds it; nil if somebody does.
    /// - Parameter deadline: connecting included.
    package static func tryAcquire(
        key: Int64, _ configuration: PostgresConfiguration, deadline: Duration = .seconds(5)
    ) async throws(PostgresError) -> AdvisoryLock? {
        let limit = ContinuousClock.Instant.after(deadline)
        let connection = try await PostgresConnection.connect(configuration, deadline: limit)
        do throws(PostgresError) {
            let result = try await connection.query(
                PostgresStatement(name: "take advisory lock", sql: "SELECT pg_try_advisory_lock($1)"), [.int8(key)],
                deadline: limit)
            if try result.rows.first?.bool(0) == true { return AdvisoryLock(connection) }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return nil
    }

    /// Whether the session that holds the lock is still there. Without an answer in time the session is given up, and with
    /// it the lock.
    package func isHeld(deadline: Duration = .seconds(2)) async -> Bool {
        do throws(PostgresError) {
            _ = try await connection.query(
                PostgresStatement(name: "check advisory lock", sql: "SELECT 1"), deadline: .after(deadline))
            return true
        } catch {
            // A cancelled caller learns nothing of the session.
            return error.code == .cancelled && connection.isUsable
        }
    }

    /// Gives the lock back, and ends its session. When it returns the next one can have the lock, unless the server did not answer:
    /// then it ends with the session, as soon as the server notices.
    package func release() async {
        // What fails here is made up for by the end of the session.
        _ = try? await connection.query(
            PostgresStatement(name: "release advisory lock", sql: "SELECT pg_advisory_unlock_all()"),
            deadline: .after(.seconds(2)))
        await connection.close()
    }
}
