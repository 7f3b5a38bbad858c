// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

@Suite("RedisBroker when Redis loses its data", .needsRedis) struct DataLossTests {
    @Test func `running jobs are unknown, nothing is reserved, and leases are declared again`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(3))
            let reserved = try await fixture.reserve(2)
            let leases = reserved.map(\.lease)
            _ = try await fixture.client.send(["FLUSHALL"])

            #expect(try await redis.epoch(of: queue) == nil)
            #expect(
                try await redis.extend(leases, in: queue, epoch: fixture.epoch, by: .seconds(15)) == [
                    .unknown, .unknown,
                ])
            #expect(try await brokerError { try await fixture.reserve() }.code == .epochMismatch)
            #expect(try await redis.redeclare(reserved, in: queue, by: .seconds(15)) == [true, true])
            #expect(
                try await redis.extend(leases, in: queue, epoch: fixture.epoch, by: .seconds(15)) == [.owned, .owned])

            try await redis.configure(queue, isPaused: false, epoch: Epoch(number: 8))
            let rebuilt = try await redis.enqueue(
                [QueuedJob(reserved[0]), fixture.job()], into: queue)
            #expect(rebuilt == [.busy, .enqueued])
            #expect(try await brokerError { try await fixture.reserve() }.code == .epochMismatch)
            #expect(try await redis.complete(leases, in: queue, announcing: []) == [true, true])
        }
    }

    @Test func `a job is found by its id though Redis has lost the names of its queues`() async throws {
        try await RedisServer.withFixture { fixture in
            let (redis, queue) = (fixture.redis, fixture.queue)
            let other = try fixture.otherBroker()
            try await fixture.open()
            try await fixture.enqueue([fixture.job()])
            let running = try #require(try await fixture.reserve().first)
            _ = try await fixture.client.send(["FLUSHALL"])

            let waiting = fixture.job()
            try await fixture.enqueue([waiting])
            #expect(try await redis.find(waiting.id)?.place == .ready, "by whoever accepted it")
            _ = try await redis.redeclare([running], in: queue, by: .seconds(15))
            try await eventually("by everybody, what runs is named again") {
                try await other.find(running.lease.id)?.place == .leased(running.lease.token)
            }
            _ = try await fixture.client.send(["FLUSHALL"])
            try await redis.configure(queue, isPaused: false, epoch: .rebuilding)
            try await fixture.enqueue([waiting])
            try await eventually("by everybody, what is rebuilt is named again") {
                try await other.find(waiting.id)?.place == .ready
            }
            await other.shutdown()
        }
    }

    @Test func `a script that Redis has forgotten is sent again`() async throws {
        try await RedisServer.withFixture { fixture in
            try await fixture.open()
            _ = try await fixture.client.send(["SCRIPT", "FLUSH"])

            try await fixture.enqueue([fixture.job()])

            #expect(try await fixture.reserve().count == 1)
        }
    }

    @Test func `a server that starts anew has another id`() async throws {
        let first = try await RedisServer.withFixture { try await $0.redis.serverID() }
        let second = try await RedisServer.withFixture { try await $0.redis.serverID() }

        #expect(first != second)
    }

    @Test func `without a server calls fail at once, and say that nothing was done`() async throws {
        try await RedisServer.with { server in
            try await RedisFixture.with(url: server.url) { fixture in
                try await fixture.open()
                await server.kill()

                try await eventually("the connection is gone") {
                    try await brokerError { try await fixture.open() }.code == .unavailable
                }
                #expect(try await brokerError { try await fixture.enqueue([fixture.job()]) }.code == .unavailable)
                #expect(try await brokerError { try await fixture.redis.check() }.code == .unavailable)
            }
        }
    }
}

extension QueuedJob {
    fileprivate init(_ leased: LeasedJob) throws {
        self.init(
            id: leased.lease.id, priority: leased.lease.token.lane, delay: .zero,
            envelope: try JobEnvelope(decoding: leased.envelope))
    }
}
