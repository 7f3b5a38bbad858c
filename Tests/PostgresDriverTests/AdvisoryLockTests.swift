// SPDX-License-Identifier: Apache-2.0

import PostgresDriver
import Testing

@Suite("AdvisoryLock", .needsPostgres, .ownDatabase) struct AdvisoryLockTests {
    @Test func `one at a time holds it`() async throws {
        let configuration = try TestPostgres.configuration()

        let held = try #require(try await AdvisoryLock.tryAcquire(key: 1, configuration))
        let second = try await AdvisoryLock.tryAcquire(key: 1, configuration)
        let other = try #require(try await AdvisoryLock.tryAcquire(key: 2, configuration))

        #expect(await held.isHeld())
        #expect(second == nil)
        #expect(await other.isHeld())
        await held.release()
        await other.release()
    }

    @Test func `given back it can be taken by another`() async throws {
        let configuration = try TestPostgres.configuration()
        let first = try #require(try await AdvisoryLock.tryAcquire(key: 3, configuration))

        await first.release()

        #expect(await !first.isHeld())
        // The server ends the session a moment after its client has gone.
        let second = try await found("a free lock") { try await AdvisoryLock.tryAcquire(key: 3, configuration) }
        await second.release()
    }

    @Test func `forgotten it is given back`() async throws {
        let configuration = try TestPostgres.configuration()
        _ = try await AdvisoryLock.tryAcquire(key: 4, configuration)

        try await eventually("the lock is free") {
            guard let lock = try await AdvisoryLock.tryAcquire(key: 4, configuration) else { return false }
            await lock.release()
            return true
        }
    }

    @Test func `it ends with its session`() async throws {
        let configuration = try TestPostgres.configuration(applicationName: "lock-holder")
        let lock = try #require(try await AdvisoryLock.tryAcquire(key: 5, configuration))

        try await TestPostgres.withPool { pool in
            _ = try await pool.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lock-holder'",
                deadline: .seconds(10))
        }

        try await eventually("the loss is noticed") { await !lock.isHeld() }
        await lock.release()
    }
}
