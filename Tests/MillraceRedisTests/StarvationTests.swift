// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import NIOPosix
import Synchronization
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
            let executor = EventLoopExecutor(MultiThreadedEventLoopGroup.singleton.next())
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

/// Tasks that compute on as many threads as Swift has, until they are told to end, or for 5 s.
private final class Hogs: Sendable {
    private let running = Atomic(0)
    private let isEnding = Atomic(false)
    private let gaveUp = Atomic(false)

    /// Whether a hog ended by itself, since nobody told it to.
    var haveGivenUp: Bool { gaveUp.load(ordering: .relaxed) }

    /// Returns when all threads compute.
    func occupyAllThreads() {
        let count = ProcessInfo.processInfo.activeProcessorCount
        let end = ContinuousClock.now + .seconds(5)
        for _ in 0..<count {
            // Blocks a thread, which no child of the caller may do.
            Task.detached { [self] in
                running.add(1, ordering: .relaxed)
                while !isEnding.load(ordering: .relaxed) {
                    if ContinuousClock.now >= end { return gaveUp.store(true, ordering: .relaxed) }
                }
            }
        }
        while running.load(ordering: .relaxed) < count, ContinuousClock.now < end {}
    }

    func end() { isEnding.store(true, ordering: .relaxed) }
}
