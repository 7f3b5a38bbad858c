// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import RedisDriver
import Testing

@testable import MillraceRedis

@Suite("RedisBroker and the model", .needsRedis) struct BrokerComparisonTests {
    @Test func `random programs have the same effect on both`() async throws {
        try await TestRedis.with { fixture in
            try await BrokerComparison(subject: fixture).run(programs: 10)
        }
    }
}

extension RedisFixture: BrokerSubject {
    func setClock(to timestamp: Timestamp) async throws { clock.set(to: timestamp) }

    func lose(_ queue: QueueName) async throws {
        _ = try await client.send(RedisCommand(["DEL"] + keys(of: queue)))
    }

    func snapshot(of queue: QueueName) async throws -> BrokerSnapshot {
        let keys = try keys(of: queue)
        // All at once, as one round trip.
        async let envelopes = pairs(["HGETALL", keys[0]])
        async let leases = pairs(["ZRANGE", keys[1], 0, -1, "WITHSCORES"])
        async let scheduled = pairs(["ZRANGE", keys[2], 0, -1, "WITHSCORES"])
        async let critical = ids(["LRANGE", keys[5], 0, -1])
        async let high = ids(["LRANGE", keys[6], 0, -1])
        async let normal = ids(["LRANGE", keys[7], 0, -1])
        async let suspects = client.send(["LRANGE", keys[9], 0, -1]).asArray().map { try $0.asBytes() }
        async let low = ids(["LRANGE", keys[8], 0, -1])

        var snapshot = BrokerSnapshot(envelopes: [:], lanes: [:], scheduled: [:], leases: [:])
        for (id, envelope) in try await envelopes { snapshot.envelopes[try #require(JobID(bytes: id))] = envelope }
        for (member, deadline) in try await leases {
            snapshot.leases[try #require(LeaseMember.lease(member, in: queue))] = try timestamp(deadline)
        }
        for (member, due) in try await scheduled {
            let lane = try #require(member.last.flatMap { Priority(rawValue: $0) })
            let id = try #require(JobID(bytes: member.dropLast()))
            #expect(snapshot.scheduled[id] == nil, "an id is scheduled once")
            snapshot.scheduled[id] = BrokerSnapshot.Scheduled(lane: lane, due: try timestamp(due))
        }
        snapshot.lanes = try await [.critical: critical, .high: high, .normal: normal, .low: low]
        snapshot.quarantine = try await suspects
        return snapshot
    }

    private func ids(_ command: RedisCommand) async throws -> [JobID] {
        try await client.send(command).asArray().map { try #require(JobID(bytes: $0.asBytes())) }
    }

    private func keys(of queue: QueueName) throws -> [RedisArgument] {
        try #require(KeySpace(prefix: prefix)).keys(of: queue)
    }

    private func pairs(_ command: RedisCommand) async throws -> [([UInt8], [UInt8])] {
        let parts = try await client.send(command).asArray().map { try $0.asBytes() }
        return stride(from: 0, to: parts.count, by: 2).map { (parts[$0], parts[$0 + 1]) }
    }

    private func timestamp(_ digits: [UInt8]) throws -> Timestamp {
        Timestamp(unixMilliseconds: try #require(Int64(String(decoding: digits, as: UTF8.self))))
    }
}
