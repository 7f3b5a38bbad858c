// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

@Suite("RedisBroker", .needsRedis) struct RedisBrokerTests {
    @Test func `of 10,000 jobs no key is left but settings and names`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            let jobs = (0..<10_000).map { number in
                fixture.job(priority: Priority.allCases[number % 4], delay: number % 5 == 0 ? .seconds(1) : .zero)
            }
            try await fixture.enqueue(jobs)
            for job in jobs.prefix(100) { try await fixture.redis.cancel(job.id, token: nil, in: fixture.queue) }
            fixture.clock.advance(by: .seconds(2))
            while try await fixture.redis.promote(500, in: fixture.queue).promoted > 0 {}

            var ended = 0
            while case let reserved = try await fixture.reserve(200).map(\.lease), !reserved.isEmpty {
                ended += try await end(reserved, fixture)
                fixture.clock.advance(by: .seconds(2))
                _ = try await fixture.redis.promote(500, in: fixture.queue)
            }

            #expect(ended == 9900)
            #expect(try await fixture.keys() == ["\(fixture.prefix):queues", "\(fixture.prefix):{q}:meta"])
            #expect(try await fixture.redis.status(of: [fixture.queue])[0].cancelledEntries == 0)
        }
    }

    /// Completes nine of ten, and retries or releases the others; returns how many it completed.
    private func end(_ leases: [Lease], _ fixture: RedisFixture) async throws -> Int {
        let kept = leases.count / 10
        _ = try await fixture.redis.retry(leases.prefix(kept / 2).map { ($0, .seconds(1)) }, in: fixture.queue)
        _ = try await fixture.redis.release(Array(leases[(kept / 2)..<kept]), in: fixture.queue)
        let done = Array(leases.dropFirst(kept))
        return try await fixture.redis.complete(done, in: fixture.queue, announcing: done.map(\.id)).count { $0 }
    }

    @Test func `two brokers that reserve at once never get the same job`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            try await fixture.enqueue(fixture.jobs(3000))
            let other = try fixture.otherBroker()

            let reserved = try await withThrowingTaskGroup(of: [LeasedJob].self) { group in
                for number in 0..<8 {
                    group.addTask {
                        var jobs: [LeasedJob] = []
                        while case let more = try await fixture.reserve(7, by: number % 2 == 0 ? nil : other),
                            !more.isEmpty
                        {
                            jobs += more
                        }
                        return jobs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            await other.shutdown()

            #expect(reserved.count == 3000)
            #expect(Set(reserved.map(\.lease.id)).count == 3000)
        }
    }

    @Test func `large jobs are pushed and reserved in parts`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            let payload = String(repeating: "x", count: Limits.payloadBytesMax)
            let jobs = fixture.jobs(40, payload: payload)
            try await fixture.enqueue(jobs)
            #expect(try await fixture.redis.enqueue(jobs, into: fixture.queue) == jobs.map { _ in .known })

            var reserved: [LeasedJob] = []
            while reserved.count < jobs.count {
                let part = try await fixture.redis.reserve(
                    500, from: fixture.queue, epoch: fixture.epoch, process: fixture.process, backwards: false)
                try #require(!part.jobs.isEmpty)
                reserved += part.jobs
                #expect(part.isMoreReady == (reserved.count < jobs.count))
            }

            #expect(reserved.map(\.lease.id) == jobs.map(\.id))
            #expect(reserved.map(\.envelope) == jobs.map { $0.envelope.encoded() })
            #expect(
                try await fixture.redis.redeclare(reserved, in: fixture.queue, by: .seconds(15))
                    == jobs.map { _ in true })
        }
    }

    @Test func `the queue's name is kept`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.enqueue([fixture.job()])

            try await eventually("the name is there") {
                let names = try await fixture.client.send(["SMEMBERS", "\(fixture.prefix):queues"])
                return names == .array([.bulk(Array("q".utf8))])
            }
        }
    }

    @Test func `without a clock of its own the broker uses Redis's`() async throws {
        try await TestRedis.with { fixture in
            let broker = try RedisFixture.broker(url: fixture.url, prefix: fixture.prefix, clock: nil)
            try await broker.configure(fixture.queue, isPaused: false, epoch: fixture.epoch)
            _ = try await broker.enqueue([fixture.job(), fixture.job(delay: .seconds(60))], into: fixture.queue)

            let reservation = try await broker.reserve(
                1, from: fixture.queue, epoch: fixture.epoch, process: fixture.process, backwards: false)
            let time = try await fixture.client.send(["TIME"]).asArray()[0].asText()
            let lease = try #require(reservation.jobs.first?.lease)
            let deadline = try await fixture.client.send(
                ["ZSCORE", fixture.key("leases"), .bytes(lease.id.bytes + lease.token.bytes)])
            await broker.shutdown()

            let seconds = try #require(Int64(time))
            let due = try #require(reservation.nextDue)
            #expect(due > .seconds(30) && due <= .seconds(60))
            #expect(abs(try #require(Int64(deadline.asText())) - (seconds + 15) * 1000) < 10_000)
            #expect(abs(Int64(lease.token.reservedAtMicroseconds / 1_000_000) - seconds) < 10)
        }
    }

    @Test func `an idle worker is woken at once`() async throws {
        try await RedisServer.withFixture { fixture in
            try await fixture.open()
            var latencies: [Duration] = []
            for _ in 0..<20 {
                async let wait: Void = fixture.redis.waitForWork(in: [fixture.queue], timeout: .seconds(20))
                try await fixture.waitUntilBlocked()
                let start = ContinuousClock.now
                try await fixture.enqueue([fixture.job()])
                try await wait
                latencies.append(ContinuousClock.now - start)
                _ = try await fixture.reserve()
            }

            #expect(latencies.sorted()[10] < .milliseconds(500))
        }
    }

    @Test func `waiting goes on after its connection was killed`() async throws {
        try await RedisServer.withFixture { fixture in
            try await fixture.open()
            async let end = brokerError {
                try await fixture.redis.waitForWork(in: [fixture.queue], timeout: .seconds(20))
            }
            try await fixture.killBlocked()
            let error = try await end

            try await fixture.enqueue([fixture.job()])
            try await fixture.redis.waitForWork(in: [fixture.queue], timeout: .seconds(20))

            #expect(error.code == .outcomeUnknown)
        }
    }
}
