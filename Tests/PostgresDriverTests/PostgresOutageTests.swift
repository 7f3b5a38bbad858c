// SPDX-License-Identifier: Apache-2.0

import Foundation
import PostgresDriver
import Testing

@Suite("Outages", .needsPostgres, .serialized) struct PostgresOutageTests {
    private let sleep: PostgresStatement = "SELECT pg_sleep(30)"
    private let one: PostgresStatement = "SELECT 1"

    /// A table whose commits take half a minute.
    private func makeSlowCommits(_ pool: PostgresPool) async throws {
        for sql in [
            "CREATE TABLE slow (n int4)",
            """
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$
            """,
            """
            CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION dawdle()
            """,
        ] {
            _ = try await pool.query(PostgresStatement(name: "make", sql: sql), deadline: .seconds(10))
        }
    }

    /// What `call` throws when `event` happens while its backend sleeps.
    private func outcome(
        on server: PostgresServer, of call: @escaping @Sendable (PostgresPool) async throws -> Void,
        when event: @Sendable (PostgresPool, Int32) async throws -> Void
    ) async throws -> PostgresError {
        try await server.withPool { pool in
            async let error = postgresError { try await call(pool) }
            try await server.withPool(size: 1) { observer in
                let backend = try await found("a backend that sleeps") {
                    let result = try await observer.query(
                        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'", deadline: .seconds(10))
                    return try result.rows.first?.int4(0)
                }
                try await event(observer, backend)
            }
            return try await error
        }
    }

    private func terminate(_ observer: PostgresPool, _ backend: Int32) async throws {
        _ = try await observer.query("SELECT pg_terminate_backend($1)", [.int4(backend)], deadline: .seconds(10))
    }

    @Test func `a terminated statement did not happen, by the server's word`() async throws {
        try await PostgresServer.with { server in
            let error = try await outcome(on: server) { pool in
                _ = try await pool.query(sleep, deadline: .seconds(60))
            } when: {
                try await terminate($0, $1)
            }

            #expect(error.code == .unavailable)
            #expect(error.sqlState == "57P01")
            #expect(error.isConnectionError)
        }
    }

    @Test func `a terminated transaction did not happen`() async throws {
        try await PostgresServer.with { server in
            let error = try await outcome(on: server) { pool in
                try await pool.transaction(deadline: .seconds(60)) { _ = try $0.query(sleep) }
            } when: {
                try await terminate($0, $1)
            }

            #expect(error.code == .unavailable)
        }
    }

    @Test func `nobody knows what became of a commit that was terminated`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool { try await makeSlowCommits($0) }

            let error = try await outcome(on: server) { pool in
                try await pool.transaction(deadline: .seconds(60)) { _ = try $0.query("INSERT INTO slow VALUES (1)") }
            } when: {
                try await terminate($0, $1)
            }

            #expect(error.code == .outcomeUnknown)
        }
    }

    @Test func `nobody knows what became of a statement when its server crashed`() async throws {
        try await PostgresServer.with { server in
            let error = try await outcome(on: server) { pool in
                _ = try await pool.query(sleep, deadline: .seconds(60))
            } when: { _, _ in
                try server.crash()
            }

            #expect(error.code == .outcomeUnknown)
            #expect(error.sqlState == nil)
        }
    }

    @Test func `a transaction whose server crashed before its commit did not happen`() async throws {
        try await PostgresServer.with { server in
            let error = try await outcome(on: server) { pool in
                try await pool.transaction(deadline: .seconds(60)) { _ = try $0.query(sleep) }
            } when: { _, _ in
                try server.crash()
            }

            #expect(error.code == .unavailable)
        }
    }

    @Test func `nobody knows what became of a commit that took too long`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool { pool in
                try await makeSlowCommits(pool)
                let start = ContinuousClock.now

                let error = try await postgresError {
                    try await pool.transaction(deadline: .milliseconds(500)) {
                        _ = try $0.query("INSERT INTO slow VALUES (1)")
                    }
                }

                #expect(error.code == .outcomeUnknown)
                #expect(ContinuousClock.now - start < .milliseconds(1000))
            }
        }
    }

    @Test(arguments: [false, true])
    func `a frozen server costs no more than the deadline and the grace`(inTransaction: Bool) async throws {
        try await PostgresServer.with { server in
            try await server.withPool(size: 1) { pool in
                _ = try await pool.query(one, deadline: .seconds(10))
                try server.freeze()
                let start = ContinuousClock.now

                let error = try await postgresError {
                    if inTransaction {
                        try await pool.transaction(deadline: .milliseconds(500)) { _ = try $0.query(one) }
                    } else {
                        _ = try await pool.query(one, deadline: .milliseconds(500))
                    }
                }
                let elapsed = ContinuousClock.now - start

                #expect(error.code == (inTransaction ? .unavailable : .outcomeUnknown))
                #expect(elapsed > .milliseconds(650) && elapsed < .milliseconds(800), "it took \(elapsed)")
                try server.thaw()
                try await eventually("the pool heals") {
                    (try? await pool.query(one, deadline: .seconds(10))) != nil
                }
            }
        }
    }

    @Test func `a frozen server does not hold up those who wait to connect`() async throws {
        try await PostgresServer.with { server in
            try server.freeze()
            try await server.withPool { pool in
                let start = ContinuousClock.now

                let error = try await postgresError { try await pool.query(one, deadline: .milliseconds(300)) }

                #expect(error.code == .deadlineExceeded)
                #expect(ContinuousClock.now - start < .milliseconds(600))
            }
        }
    }

    @Test func `a cancelled call of a frozen server comes back within the grace`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool(size: 1) { pool in
                _ = try await pool.query(one, deadline: .seconds(10))
                try server.freeze()
                let task = Task { try await pool.query(one, deadline: .seconds(60)) }
                try await moment()
                let start = ContinuousClock.now

                task.cancel()
                let error = try await postgresError { try await task.value }

                #expect(error.code == .outcomeUnknown)
                #expect(ContinuousClock.now - start < .milliseconds(500))
            }
        }
    }

    @Test func `a restart between two calls is not noticed`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool(size: 3) { pool in
                // Three connections are idle when the server goes.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 {
                        group.addTask { _ = try await pool.query("SELECT pg_sleep(0.1)", deadline: .seconds(10)) }
                    }
                    try await group.waitForAll()
                }
                try await server.stop()
                try await server.start()

                for _ in 0..<5 {
                    _ = try await pool.query(one, deadline: .seconds(10))
                    try await pool.transaction(deadline: .seconds(10)) { _ = try $0.query(one) }
                }
            }
        }
    }

    @Test func `while the server is away calls fail at once, and the pool heals when it is back`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool { pool in
                _ = try await pool.query(one, deadline: .seconds(10))
                try await server.stop()
                var slowest = Duration.zero
                for _ in 0..<200 {
                    let start = ContinuousClock.now
                    let error = try await postgresError { try await pool.query(one, deadline: .seconds(10)) }
                    slowest = max(slowest, ContinuousClock.now - start)
                    #expect(error.code == .unavailable)
                }
                #expect(slowest < .milliseconds(500), "the slowest took \(slowest)")

                try await server.start()

                try await eventually("the pool heals") {
                    (try? await pool.query(one, deadline: .seconds(10))) != nil
                }
            }
        }
    }
}
