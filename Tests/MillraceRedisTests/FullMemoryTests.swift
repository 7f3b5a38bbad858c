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

    @Test func `a Redis that was filled to the brim drains to nothing, retries included`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            try await fixture.open()
            let limit = try await redis.memory().usedBytes + 2 << 20
            _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory", .text("\(limit)")])
            var taken = 0
            do throws(BrokerError) {
                while taken < 100_000 { taken += try await redis.enqueue(fixture.jobs(100), into: queue).count }
            } catch {
                #expect(error.code == .full)
            }
            #expect(taken > 1000 && taken < 100_000)

            var ended = 0
            while case let leases = try await fixture.reserve(200).map(\.lease), !leases.isEmpty {
                let retriedCount = leases.count / 10
                let (retried, done) = (Array(leases.prefix(retriedCount)), Array(leases.dropFirst(retriedCount)))
                if !retried.isEmpty {
                    _ = try await redis.retry(retried.map { ($0, .milliseconds(500)) }, in: queue)
                }
                ended += try await redis.complete(done, in: queue, announcing: done.map(\.id)).count { $0 }
                fixture.clock.advance(by: .seconds(1))
                _ = try await redis.promote(500, in: queue)
            }

            #expect(ended == taken)
            #expect(try await redis.memory().liveJobs == 0)
        }
    }

    @Test func `the memory tells the lower of two limits, and counts live jobs of all queues`() async throws {
        try await RedisServer.withFixture { fixture in
            #expect(try await fixture.redis.memory().bytesMax == nil)
            _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory", "64mb"])
            let before = try await fixture.redis.memory()
            #expect(before.bytesMax == 64 << 20)
            #expect(before.liveJobs == 0)
            var configuration = RedisBroker.Configuration(url: fixture.url)
            configuration.keyPrefix = fixture.prefix
            configuration.memoryBytesMax = 32 << 20
            let limited = try RedisBroker(configuration, logger: TestRedis.logger)
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(30) + [fixture.job(delay: .seconds(60))])
            _ = try await fixture.redis.enqueue(fixture.jobs(20), into: "another")
            _ = try await fixture.reserve(5)

            let memory = try await limited.memory()

            #expect(memory.bytesMax == 32 << 20)
            #expect(memory.liveJobs == 51)
            #expect(memory.usedBytes > before.usedBytes)
            await limited.shutdown()
        }
    }

    private var worker: WorkerReport {
        WorkerReport(
            process: "0102030405060708", pid: 1, host: "host.example", pool: nil, queues: ["q"], concurrency: 1,
            running: 0, startedAtUnixMilliseconds: 0, isDraining: false, stuck: 0)
    }
}
