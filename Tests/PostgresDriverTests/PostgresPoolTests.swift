// SPDX-License-Identifier: Apache-2.0

import Foundation
import PostgresDriver
import Synchronization
import Testing

@Suite("PostgresPool", .needsPostgres) struct PostgresPoolTests {
    private let one: PostgresStatement = "SELECT 1"
    private let sleep: PostgresStatement = "SELECT pg_sleep($1)"

    private func sessions(of name: String) async throws -> Int {
        try await TestPostgres.withPool(size: 1) { pool in
            let result = try await pool.query(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", [.text(name)],
                deadline: .seconds(10))
            return try #require(result.rows.first).integer(0)
        }
    }

    @Test func `waiting for a connection counts against the deadline`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            async let holder = pool.query(sleep, [.float8(1)], deadline: .seconds(10))
            try await eventually("the connection is lent") { try await isLent(pool) }
            let start = ContinuousClock.now

            let error = try await postgresError { try await pool.query(one, deadline: .milliseconds(100)) }

            #expect(error.code == .deadlineExceeded)
            #expect(ContinuousClock.now - start < .milliseconds(500))
            _ = try await holder
        }
    }

    @Test func `a waiter that is cancelled leaves at once`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            async let holder = pool.query(sleep, [.float8(1)], deadline: .seconds(10))
            try await eventually("the connection is lent") { try await isLent(pool) }
            let start = ContinuousClock.now
            let task = Task { try await pool.query(one, deadline: .seconds(10)) }

            task.cancel()
            let error = try await postgresError { try await task.value }

            #expect(error.code == .cancelled)
            #expect(ContinuousClock.now - start < .milliseconds(500))
            _ = try await holder
        }
    }

    @Test func `one waiter too many is told so`() async throws {
        try await TestPostgres.withPool(size: 1, waitersMax: 3) { pool in
            let outcomes = await withTaskGroup(of: PostgresError.Code?.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do throws(PostgresError) {
                            _ = try await pool.query(sleep, [.float8(0.3)], deadline: .seconds(30))
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                return await group.reduce(into: [PostgresError.Code?]()) { $0.append($1) }
            }

            #expect(Set(outcomes) == [nil, .overloaded])
            // Three waited for the first connection to open, or for the one that was lent.
            #expect(outcomes.count { $0 == nil } >= 3)
        }
    }

    @Test func `many callers share few connections`() async throws {
        let configuration = try TestPostgres.configuration(applicationName: "many-callers")
        try await TestPostgres.withPool(configuration, size: 3) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await pool.transaction(deadline: .seconds(30)) { _ = try $0.query(self.one) }
                        _ = try await pool.query(self.one, deadline: .seconds(30))
                    }
                }
                try await group.waitForAll()
            }

            #expect(try await sessions(of: "many-callers") == 3)
        }
    }

    @Test func `a closed pool has no session and no thread left`() async throws {
        let configuration = try TestPostgres.configuration(applicationName: "closed-pool")
        let threads = try await TestPostgres.withPool(configuration, size: 4) { pool in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await pool.transaction(deadline: .seconds(10)) { transaction in
                            try transaction.query(sleep, [.float8(0.2)])
                            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
                        }
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
        }

        let paths = threads.map { "/proc/\($0)" }
        #expect(paths.count == 4)
        try await eventually("the threads are gone") {
            !paths.contains { FileManager.default.fileExists(atPath: $0) }
        }
        try await eventually("the sessions are gone") { try await sessions(of: "closed-pool") == 0 }
        let pool = PostgresPool(configuration, size: 1)
        await pool.close()
        #expect(try await postgresError { try await pool.query(one, deadline: .seconds(1)) }.code == .unavailable)
    }

    @Test func `closing lets a call that runs end`() async throws {
        let pool = PostgresPool(try TestPostgres.configuration(), size: 1, logger: TestPostgres.logger)
        _ = try await pool.query(one, deadline: .seconds(10))
        async let holder = pool.query(sleep, [.float8(0.3)], deadline: .seconds(10))
        try await eventually("the connection is lent") { try await isLent(pool) }

        await pool.close()

        #expect(try await holder.rowCount == 1)
    }

    private func isLent(_ pool: PostgresPool) async throws -> Bool {
        do throws(PostgresError) {
            _ = try await pool.query(one, deadline: .milliseconds(1))
            return false
        } catch {
            return error.code == .deadlineExceeded
        }
    }
}
