// SPDX-License-Identifier: Apache-2.0

import PostgresDriver
import Synchronization
import Testing

@Suite("Deadlines and cancellation", .needsPostgres) struct PostgresDeadlineTests {
    private let sleep: PostgresStatement = "SELECT pg_sleep($1)"
    private let backend: PostgresStatement = "SELECT pg_backend_pid()"

    private func backendID(_ pool: PostgresPool) async throws -> Int32 {
        let result = try await pool.query(backend, deadline: .seconds(10))
        return try #require(result.rows.first).int4(0)
    }

    @Test func `a statement ends at its deadline, and its connection serves on`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let before = try await backendID(pool)
            let start = ContinuousClock.now

            let error = try await postgresError {
                try await pool.query(sleep, [.float8(30)], deadline: .milliseconds(200))
            }

            #expect(ContinuousClock.now - start < .milliseconds(1000))
            #expect(error.code == .deadlineExceeded)
            #expect(error.sqlState == "57014")
            #expect(try await backendID(pool) == before)
        }
    }

    @Test func `a transaction ends at its deadline, and its connection serves on`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let before = try await backendID(pool)

            let error = try await postgresError {
                try await pool.transaction(deadline: .milliseconds(200)) { transaction in
                    try transaction.query("SELECT 1")
                    try transaction.query(sleep, [.float8(30)])
                }
            }

            #expect(error.code == .deadlineExceeded)
            #expect(try await backendID(pool) == before)
        }
    }

    @Test func `a transaction whose closure took too long is not committed`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let error = try await postgresError {
                try await pool.transaction(deadline: .milliseconds(50)) { transaction in
                    try transaction.query("SELECT 1")
                    let end = ContinuousClock.now + .milliseconds(60)
                    while ContinuousClock.now < end {}
                }
            }

            #expect(error.code == .deadlineExceeded)
            #expect(error.sqlState == nil)
        }
    }

    @Test func `a statement timeout of the server's is its own`() async throws {
        let configuration = try TestPostgres.configuration(settings: [.init("statement_timeout", "50ms")])

        let error = try await postgresError {
            try await TestPostgres.withPool(configuration) { pool in
                try await pool.query(sleep, [.float8(30)], deadline: .seconds(10))
            }
        }

        #expect(error.code == .server)
        #expect(error.sqlState == "57014")
    }

    @Test func `cancelling a task cancels its statement, and its connection serves on`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let before = try await backendID(pool)
            let start = ContinuousClock.now
            let task = Task { try await pool.query(sleep, [.float8(30)], deadline: .seconds(60)) }
            try await eventually("the statement runs") { try await isSleeping(before) }

            task.cancel()
            let error = try await postgresError { try await task.value }

            #expect(error.code == .cancelled)
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await backendID(pool) == before)
        }
    }

    @Test func `cancelling a task cancels its transaction`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let before = try await backendID(pool)
            let task = Task {
                try await pool.transaction(deadline: .seconds(60)) { try $0.query(sleep, [.float8(30)]) }
            }
            try await eventually("the statement runs") { try await isSleeping(before) }

            task.cancel()
            let error = try await postgresError { try await task.value }

            #expect(error.code == .cancelled)
            #expect(try await backendID(pool) == before)
        }
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await pool.query(backend, deadline: .seconds(10))
            }

            let error = try await postgresError { try await task.value }

            #expect(error.code == .cancelled)
            #expect(error.sqlState == nil)
        }
    }

    /// A cancellation aims at the backend: one that came late would hit whatever runs then.
    @Test func `no late cancellation ever hits the next statement`() async throws {
        // On a slow machine the connection would be given up instead, which is as safe, but not what is tried here.
        var configuration = try TestPostgres.configuration()
        configuration.cancelGrace = .seconds(10)
        try await TestPostgres.withPool(configuration, size: 1) { pool in
            let before = try await backendID(pool)
            // Hunts the moment at which the statement ends, wherever this machine has it: a deadline that passed in time
            // is made longer, one that did not is made shorter.
            var deadline = Duration.milliseconds(6)
            var interrupted = 0
            for round in 0..<300 {
                do throws(PostgresError) {
                    _ = try await pool.query(sleep, [.float8(0.005)], deadline: deadline)
                    deadline = max(deadline - .microseconds(100 + round % 7 * 30), .microseconds(200))
                } catch {
                    #expect(error.code == .deadlineExceeded)
                    interrupted += 1
                    deadline += .microseconds(100 + round % 5 * 40)
                }
                _ = try await pool.query(sleep, [.float8(0.001)], deadline: .seconds(30))
            }
            #expect(interrupted > 20 && interrupted < 280, "\(interrupted) of 300 were interrupted")
            #expect(try await backendID(pool) == before)
        }
    }

    @Test func `no late cancellation of a task ever hits the next statement`() async throws {
        // On a slow machine the connection would be given up instead, which is as safe, but not what is tried here.
        var configuration = try TestPostgres.configuration()
        configuration.cancelGrace = .seconds(10)
        try await TestPostgres.withPool(configuration, size: 1) { pool in
            let before = try await backendID(pool)
            for round in 0..<300 {
                let task = Task { try await pool.query(sleep, [.float8(0.001)], deadline: .seconds(30)) }
                let end = ContinuousClock.now + .microseconds((round * 41) % 3000)
                while ContinuousClock.now < end { await Task.yield() }
                task.cancel()
                if case .failure(let error as PostgresError) = await task.result { #expect(error.code == .cancelled) }

                _ = try await pool.query(sleep, [.float8(0.001)], deadline: .seconds(30))
            }
            #expect(try await backendID(pool) == before)
        }
    }

    private func isSleeping(_ backend: Int32) async throws -> Bool {
        try await TestPostgres.withPool(size: 1) { pool in
            let result = try await pool.query(
                "SELECT wait_event IS NOT DISTINCT FROM 'PgSleep' FROM pg_stat_activity WHERE pid = $1",
                [.int4(backend)], deadline: .seconds(10))
            return try #require(result.rows.first).bool(0)
        }
    }
}
