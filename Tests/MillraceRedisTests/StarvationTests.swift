// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import NIOCore
import NIOPosix
import Testing

@testable import MillraceRedis

/// Handlers that compute for minutes occupy all of Swift's threads. Leases must be kept all the same.
@Suite("RedisBroker without Swift's threads", .needsRedis) struct StarvationTests {
    @Test func `calls from an event loop go on while every thread of the pool computes`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(2))
            let leases = try await fixture.reserve().map(\.lease)
            // Connects all that is needed.
            try await keep(leases, fixture)

            let hogs = Hogs()
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let executor = DelegatingTaskExecutor { eventLoop.execute($0) }
            try await withTaskExecutorPreference(executor) {
                hogs.occupyAllThreads()
                defer { hogs.end() }
                try await keep(leases, fixture)
            }

            #expect(!hogs.haveGivenUp)
        }
    }

    /// What a worker does all the time.
    private func keep(_ leases: [Lease], _ fixture: RedisFixture) async throws {
        let (redis, queue, epoch) = (fixture.redis, fixture.queue, fixture.epoch)
        for _ in 0..<3 {
            let statuses = try await redis.extend(leases, in: queue, epoch: epoch, by: .seconds(15))
            #expect(statuses == [.owned, .owned])
            _ = try await redis.reclaim(10, in: queue)
            _ = try await redis.promote(10, in: queue)
            _ = try await redis.status(of: [queue])
            _ = try await redis.serverID()
            _ = try await redis.reserve(1, from: queue, epoch: epoch, process: fixture.process, backwards: false)
            try await redis.waitForWork(in: [queue], timeout: .milliseconds(5))
        }
    }
}
