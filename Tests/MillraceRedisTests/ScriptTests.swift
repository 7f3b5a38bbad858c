// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import RedisDriver
import Testing

@testable import MillraceRedis

@Suite("Broker scripts", .needsRedis) struct ScriptTests {
    @Test(arguments: BrokerScripts.all.map(\.name))
    func `Redis compiles the script`(_ name: String) async throws {
        let script = try #require(BrokerScripts.all.first { $0.name == name })
        try await TestRedis.with { fixture in
            let digest = try await fixture.client.send(["SCRIPT", "LOAD", .text(script.source)]).asText()

            #expect(digest == script.digest)
        }
    }

    /// The compiler crawls when it is given more in an embedded literal.
    @Test func `all scripts together are small`() {
        #expect(BrokerScripts.all.reduce(0) { $0 + $1.source.utf8.count } < 31 * 1024)
    }

    private static let id = [UInt8](repeating: 1, count: 16)
    private static let lease = id + [UInt8](repeating: 0, count: 17)
    private static let badLane = id + [UInt8](repeating: 0, count: 16) + [9]

    /// Each has one fault, behind arguments that are right.
    private static let malformed: [(RedisScript, [RedisArgument])] = [
        (BrokerScripts.enqueueJobs, ["", "", "", ""]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2, 8]), "", "", .bytes(id), "envelope", .bytes(id), "envelope"]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2, 2]), "", "", .bytes(id), "envelope", .bytes(lease), "envelope"]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2, 2]), "", "", .bytes(id), "envelope", .bytes(id), ""]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2, 2]), "", "", .bytes(id), "envelope", .bytes(id)]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2]), "soon", "", .bytes(id), "envelope"]),
        (BrokerScripts.enqueueJobs, ["", .bytes([2]), "", "token", .bytes(id), "envelope"]),
        (BrokerScripts.reserveJobs, ["", 501, 7, "12345678", 15_000, "0", 1000]),
        (BrokerScripts.reserveJobs, ["", "many", 7, "12345678", 15_000, "0", 1000]),
        (BrokerScripts.reserveJobs, ["", 1, 7, "1234567", 15_000, "0", 1000]),
        (BrokerScripts.reserveJobs, ["", 1, 7, "12345678", "", "0", 1000]),
        (BrokerScripts.reserveJobs, ["", 1, 7]),
        (BrokerScripts.reserveSuspect, ["", 7, "1234567", 15_000]),
        (BrokerScripts.reserveSuspect, ["", 7, "12345678", "long"]),
        (BrokerScripts.quarantineJobs, []),
        (BrokerScripts.quarantineJobs, [.bytes(lease), .bytes(badLane)]),
        (BrokerScripts.quarantineJobs, [.bytes(lease), .bytes(id)]),
        (BrokerScripts.completeJobs, ["channel", "", .bytes(lease), .bytes(id)]),
        (BrokerScripts.completeJobs, ["channel", "15 bytes long..", .bytes(lease)]),
        (BrokerScripts.retryJobs, ["", .bytes(lease), 0, .bytes(lease)]),
        (BrokerScripts.retryJobs, ["", .bytes(lease), 0, .bytes(badLane), 0]),
        (BrokerScripts.retryJobs, ["", .bytes(lease), "soon"]),
        (BrokerScripts.releaseLeases, []),
        (BrokerScripts.releaseLeases, [.bytes(lease), .bytes(badLane)]),
        (BrokerScripts.releaseLeases, [.bytes(lease), .bytes(id)]),
        (BrokerScripts.extendLeases, ["", 15_000, 7]),
        (BrokerScripts.extendLeases, ["", 15_000, 7, .bytes(lease), .bytes(id)]),
        (BrokerScripts.extendLeases, ["", "long", 7, .bytes(lease)]),
        (BrokerScripts.redeclareJobs, ["", 15_000, .bytes(lease), "envelope", .bytes(lease), ""]),
        (BrokerScripts.redeclareJobs, ["", 15_000, .bytes(lease), "envelope", .bytes(lease)]),
        (BrokerScripts.reclaimLeases, ["", 501, 15_000, 2000]),
        (BrokerScripts.reclaimLeases, ["", 1, 15_000]),
        (BrokerScripts.promoteJobs, ["", -1]),
        (BrokerScripts.promoteJobs, ["", 501]),
        (BrokerScripts.cancelJob, ["cancelled", "finished", .bytes(id), "short"]),
        (BrokerScripts.cancelJob, ["cancelled", "finished", "short", ""]),
        (BrokerScripts.configureQueue, ["", 8]),
        (BrokerScripts.knownJobs, [RedisArgument](repeating: .bytes(id), count: 501)),
        (BrokerScripts.reportWorker, ["", "", "{}", 1000]),
        (BrokerScripts.reportWorker, ["", "process", "{}", "long"]),
    ]

    @Test func `malformed arguments change nothing`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            try await fixture.enqueue([fixture.job(), fixture.job(delay: .seconds(1)), fixture.job(priority: .low)])
            _ = try await fixture.reserve(1)
            let keys = try #require(KeySpace(prefix: fixture.prefix)).keys(of: fixture.queue)
            let before = try await fixture.contents()

            for (script, arguments) in Self.malformed {
                await #expect(throws: RedisError.self, "\(script.name) \(arguments.count)") {
                    try await fixture.client.run(script, keys: keys, arguments: arguments)
                }
                let isSame = try await fixture.contents() == before
                try #require(isSame, "\(script.name)")
            }
        }
    }

    /// A batch that would be cut in the middle by a key of a foreign type is refused as a whole.
    @Test func `somebody else's data under our keys is left alone`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            _ = try await fixture.client.send(["SET", fixture.key("ready:normal"), "not a list"])

            let error = try await brokerError { try await fixture.enqueue([fixture.job()]) }

            #expect(error.code == .protocolViolation)
            #expect(error.message.contains("WRONGTYPE"))
            #expect(try await fixture.client.send(["EXISTS", fixture.key("jobs")]).asInteger() == 0)
        }
    }

    @Test func `an entry without an envelope is dropped when it is met`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            _ = try await fixture.client.send(["RPUSH", fixture.key("ready:normal"), .bytes(Self.id)])
            let job = fixture.job()
            try await fixture.enqueue([job])

            let reserved = try await fixture.reserve()

            #expect(reserved.map(\.lease.id) == [job.id])
            #expect(try await fixture.client.send(["EXISTS", fixture.key("ready:normal")]).asInteger() == 0)
        }
    }

    @Test func `a doubled entry is reserved once`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            let job = fixture.job()
            try await fixture.enqueue([job])
            _ = try await fixture.client.send(["RPUSH", fixture.key("ready:normal"), .bytes(job.id.bytes)])

            #expect(try await fixture.reserve().map(\.lease.id) == [job.id])
            #expect(try await fixture.reserve().isEmpty)
        }
    }

    @Test func `members that nobody of us wrote hold up no others`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            let jobs = [fixture.job(), fixture.job(delay: .seconds(1))]
            try await fixture.enqueue(jobs)
            #expect(try await fixture.reserve().count == 1)
            _ = try await fixture.client.send(["ZADD", fixture.key("leases"), 1, "foreign"])
            _ = try await fixture.client.send(["ZADD", fixture.key("scheduled"), 1, "foreign"])
            _ = try await fixture.client.send(["LPUSH", fixture.key("ready:normal"), "foreign"])
            try await fixture.beSteady()

            #expect(try await fixture.redis.reclaim(200, in: fixture.queue) == 1)
            #expect(try await fixture.redis.promote(200, in: fixture.queue) == Promotion(promoted: 2, nextDue: nil))

            #expect(try await fixture.reserve().map(\.lease.id) == jobs.map(\.id))
            let status = try await fixture.redis.status(of: [fixture.queue])[0]
            #expect(status.ready.isEmpty && status.scheduled == 0 && status.running == 2)
        }
    }

    @Test func `a lease without an envelope is dropped when it expires`() async throws {
        try await TestRedis.with { fixture in
            try await fixture.open()
            try await fixture.enqueue([fixture.job()])
            let reserved = try await fixture.reserve()
            _ = try await fixture.client.send(["DEL", fixture.key("jobs")])
            try await fixture.beSteady()

            #expect(try await fixture.redis.reclaim(200, in: fixture.queue) == 0)

            #expect(reserved.count == 1)
            #expect(try await fixture.keys() == ["\(fixture.prefix):queues", "\(fixture.prefix):{q}:meta"])
        }
    }
}
