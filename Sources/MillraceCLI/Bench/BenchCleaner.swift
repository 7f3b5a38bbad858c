// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver

/// Removes what a measurement left in the stores, past the contracts, which never remove a job.
struct BenchCleaner: Sendable {
    private static let deadline: Duration = .seconds(120)

    let stores: Stores
    let databaseURL: String

    /// Held while a queue is measured with: one whose lock is free was left behind by a process that was killed.
    func lock(_ queue: BenchQueue) async throws(CommandError) -> AdvisoryLock? {
        do throws(PostgresError) {
            return try await AdvisoryLock.tryAcquire(
                key: AdvisoryLock.key(of: "millrace.bench.\(queue.name)"), PostgresConfiguration(url: databaseURL))
        } catch {
            throw CommandError(.unavailable, "PostgreSQL: \(error.message)")
        }
    }

    /// Removes what measurements left that could not clean up; returns their queues.
    func cleanLeftovers(now: Timestamp) async throws -> [QueueName] {
        var cleaned: [QueueName] = []
        for queue in try await stores.ledger.queues().compactMap({ BenchQueue($0.queue) }) {
            guard let lock = try await lock(queue) else { continue }
            let result: Result<Void, CommandError>
            do throws(CommandError) {
                // Older jobs are gone by themselves.
                try await clean([queue], since: max(queue.madeAt, now + (.zero - Limits.retention)))
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await lock.release()
            try result.get()
            cleaned.append(queue.name)
        }
        return cleaned
    }

    /// - Parameter start: when the first of its jobs was made, by this machine's clock.
    func clean(_ queues: [BenchQueue], since start: Timestamp) async throws(CommandError) {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: databaseURL), deadline: .now + .seconds(10))
            do throws(PostgresError) {
                for queue in queues { try await clean(queue, since: start, connection) }
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
        } catch {
            throw CommandError(.unavailable, "PostgreSQL: \(error.message)")
        }
        for queue in queues {
            do throws(BrokerError) { try await stores.forgetInBroker(queue.name) } catch { throw CommandError(error) }
        }
    }

    private func clean(
        _ queue: BenchQueue, since start: Timestamp, _ connection: PostgresConnection
    ) async throws(PostgresError) {
        let name = PostgresValue.text(queue.name.name)
        let microseconds = PostgresValue.timestamp(unixMicroseconds: start.unixMilliseconds * 1000)
        _ = try await connection.query(Self.deleteJobs, [name, microseconds], deadline: .now + Self.deadline)
        _ = try await connection.query(Self.deleteCounts, [name], deadline: .now + Self.deadline)
        _ = try await connection.query(Self.deleteQueue, [name], deadline: .now + Self.deadline)
    }

    // By the primary key: there is no index on queues.
    private static let deleteJobs = PostgresStatement(
        name: "delete-bench-jobs",
        sql: "DELETE FROM millrace.job_rows WHERE queue = $1 AND id >= millrace.least_id($2)")
    private static let deleteCounts = PostgresStatement(
        name: "delete-bench-counts",
        sql: "DELETE FROM millrace.finished_counts WHERE queue = $1 AND minute > now() - interval '1 day'")
    private static let deleteQueue = PostgresStatement(
        name: "delete-bench-queue", sql: "DELETE FROM millrace.queues WHERE name = $1")
}
