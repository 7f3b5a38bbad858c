// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

/// What drains must run when Redis has no memory left, or a full Redis would stay full.
@Suite("RedisBroker at maxmemory", .needsRedis) struct FullMemoryTests {
    @Test func `no more jobs are taken, and everything that drains runs`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            try await fixture.open()
            try await redis.report(worker)
            try await fixture.beSteady()
            try await fixture.enqueue(fixture.jobs(20) + [fixture.job(delay: .seconds(1))])
            let reserved = try await fixture.reserve(9)
            let (held, expiring) = (reserved.prefix(8).map(\.lease), reserved[8].lease)
            _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory", "1"])

            let error = try await brokerError { try await redis.enqueue([fixture.job()], into: queue) }
            #expect(error.code == .full)
            #expect(error.message.contains("OOM"))

            #expect(
                try await redis.extend(held, in: queue, epoch: fixture.epoch, by: .seconds(60))
                    == held.map { _ in .owned })
            #expect(try await redis.complete(Array(held[0..<2]), in: queue, announcing: []) == [true, true])
            #expect(
                try await redis.retry([(held[2], .seconds(1)), (held[3], .seconds(1))], in: queue) == [true, true])
            #expect(try await redis.release(Array(held[4..<6]), in: queue) == [true, true])
            #expect(try await fixture.reserve(3).count == 3)
            fixture.clock.advance(by: .milliseconds(1500))
            #expect(try await redis.promote(500, in: queue) == Promotion(promoted: 3, nextDue: nil))
            #expect(try await redis.release([expiring], in: queue) == [true])
            try await redis.cancel(held[6].id, token: nil, in: queue)
            try await redis.cancel(held[7].id, token: held[7].token, in: queue)
            try await redis.configure(queue, isPaused: true, epoch: nil)
            try await redis.configure(queue, isPaused: false, epoch: Epoch(number: 7))
            try await redis.report(worker)
            #expect(try await redis.workers().count == 1)
        }
    }

    @Test func `expired leases are reclaimed, and lost ones declared again`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(2))
            let reserved = try await fixture.reserve(2)
            _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory", "1"])
            try await fixture.beSteady()

            #expect(try await redis.reclaim(200, in: queue) == 2)

            _ = try await fixture.client.send(["FLUSHALL"])
            #expect(try await redis.redeclare(reserved, in: queue, by: .seconds(15)) == [true, true])
        }
    }

    @Test func `suspects go to their lane, and are reserved from it`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(2))
            let leases = try await fixture.reserve(2).map(\.lease)
            _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory", "1"])

            #expect(try await redis.quarantine(leases, in: queue) == [true, true])
            let suspect = try await redis.reserveSuspect(from: queue, epoch: fixture.epoch, process: fixture.process)

            #expect(suspect.jobs.map(\.lease.id) == [leases[0].id])
        }
    }

    private var worker: WorkerReport {
        WorkerReport(
            process: "0102030405060708", pid: 1, host: "host.example", pool: nil, queues: ["q"], concurrency: 1,
            running: 0, startedAtUnixMilliseconds: 0, isDraining: false, stuck: 0)
    }
}
