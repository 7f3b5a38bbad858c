// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

extension Trait where Self == ConditionTrait {
    static var needsRedis: Self {
        .enabled(if: TestRedis.url != nil, "needs MILLRACE_TEST_REDIS_URL, and redis-server for servers of its own")
    }
}

/// The Redis that all tests share.
enum TestRedis {
    static let url = ProcessInfo.processInfo.environment["MILLRACE_TEST_REDIS_URL"]

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs a test with keys of its own, and removes them after it.
    static func with<Value>(_ body: (RedisFixture) async throws -> Value) async throws -> Value {
        try await RedisFixture.with(url: #require(url), body)
    }
}

/// A broker with a key prefix and a clock of its own, and a client that looks beneath it.
struct RedisFixture: BrokerHarness {
    let url: String
    let prefix: String
    let clock: TestClock
    let redis: RedisBroker
    let client: RedisClient
    let queue: QueueName = "q"
    let epoch = Epoch(number: 7)
    let process = ProcessID(number: 0x0102_0304_0506_0708)

    static func with<Value>(url: String, _ body: (RedisFixture) async throws -> Value) async throws -> Value {
        let prefix = "test:\(UUID().uuidString.prefix(18))"
        let clock = TestClock()
        let redis = try broker(url: url, prefix: prefix, clock: clock)
        return try await RedisClient.withClient(RedisConfiguration(url: url), logger: TestRedis.logger) { client in
            let fixture = RedisFixture(url: url, prefix: prefix, clock: clock, redis: redis, client: client)
            do {
                let value = try await body(fixture)
                await fixture.end()
                return value
            } catch {
                await fixture.end()
                throw error
            }
        }
    }

    static func broker(url: String, prefix: String, clock: TestClock?) throws -> RedisBroker {
        var configuration = RedisBroker.Configuration(url: url)
        configuration.keyPrefix = prefix
        // The machine may be busy; a deadline of its own is for the tests of outages.
        configuration.deadline = .seconds(20)
        configuration.pushDeadline = .seconds(20)
        guard let clock else { return try RedisBroker(configuration, logger: TestRedis.logger) }
        return try RedisBroker(configuration, logger: TestRedis.logger) { clock.timestamp }
    }

    var broker: any JobBroker { redis }

    func advanceClock(by duration: Duration) async throws { clock.advance(by: duration) }

    /// Another process's broker, on the same keys.
    func otherBroker() throws -> RedisBroker { try Self.broker(url: url, prefix: prefix, clock: clock) }

    private func end() async {
        await redis.shutdown()
        // What is left of a test that failed must not fail it again.
        if let keys = try? await keys(), !keys.isEmpty {
            _ = try? await client.send(RedisCommand(["DEL"] + keys.map { .text($0) }))
        }
    }

    // MARK: - Jobs

    /// Gives the queue its epoch.
    func open() async throws {
        try await redis.configure(queue, isPaused: false, epoch: epoch)
    }

    func job(
        _ payload: String = "{}", priority: Priority = .normal, delay: Duration = .zero
    ) -> QueuedJob {
        var generator = SystemRandomNumberGenerator()
        let id = JobID(at: .now(), using: &generator)
        return QueuedJob(
            id: id, priority: priority, delay: delay,
            envelope: JobEnvelope(kind: "test", createdAt: id.time, payload: Array(payload.utf8)))
    }

    func jobs(_ count: Int, payload: String = "{}") -> [QueuedJob] {
        (0..<count).map { _ in job(payload) }
    }

    func enqueue(_ jobs: [QueuedJob]) async throws {
        for start in stride(from: 0, to: jobs.count, by: Limits.storeBatchMax) {
            let batch = Array(jobs[start..<min(start + Limits.storeBatchMax, jobs.count)])
            #expect(try await redis.enqueue(batch, into: queue) == batch.map { _ in .enqueued })
        }
    }

    func reserve(_ limit: Int = 500, by broker: RedisBroker? = nil) async throws -> [LeasedJob] {
        try await (broker ?? redis).reserve(limit, from: queue, epoch: epoch, process: process, backwards: false).jobs
    }

    /// Ticks until leases that have expired can be reclaimed.
    func beSteady() async throws {
        for _ in 0..<9 {
            _ = try await redis.reclaim(0, in: queue)
            clock.advance(by: .seconds(2))
        }
    }

    // MARK: - Beneath the broker

    /// All keys with this prefix, sorted.
    func keys() async throws -> [String] {
        try await client.send(["KEYS", "\(prefix):*"]).asArray().map { try $0.asText() }.sorted()
    }

    /// Every key with this prefix, and what it holds.
    func contents() async throws -> [String: RedisReply] {
        var contents: [String: RedisReply] = [:]
        for key in try await keys() { contents[key] = try await client.send(["DUMP", .text(key)]) }
        return contents
    }

    func key(_ name: String) -> RedisArgument { "\(prefix):{\(queue.name)}:\(name)" }
}

/// The code of the error that `body` throws.
func brokerError<Value>(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async throws -> BrokerError {
    do {
        _ = try await body()
    } catch {
        return try #require(error as? BrokerError, sourceLocation: sourceLocation)
    }
    return try #require(nil as BrokerError?, "no error was thrown", sourceLocation: sourceLocation)
}

extension RedisFixture {
    /// Waits until somebody blocks on a list, on a server of the test's own.
    func waitUntilBlocked() async throws {
        try await eventually("somebody waits") {
            try await client.send(["INFO", "clients"]).asText().contains("blocked_clients:1\r")
        }
    }

    /// Cuts off whoever blocks on a list, on a server of the test's own.
    func killBlocked() async throws {
        try await waitUntilBlocked()
        let clients = try await client.send(["CLIENT", "LIST"]).asText().split(separator: "\n")
        let blocked = try #require(clients.first { $0.contains(" flags=b ") })
        let id = try #require(blocked.split(separator: " ").first).dropFirst("id=".count)
        _ = try await client.send(["CLIENT", "KILL", "ID", .text(String(id))])
    }

    /// Cuts off all subscriptions, on a server of the test's own.
    func killSubscribers() async throws {
        #expect(try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"]).asInteger() == 1)
    }

    /// How many connections listen to this prefix's channels.
    func subscribers() async throws -> Int {
        try await client.send(["PUBSUB", "NUMSUB", "\(prefix):finished"]).asArray()[1].asInteger()
    }
}
