// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import RedisDriver
import Testing

@Suite(.needsRedis) struct RedisClientTests {
    @Test func `a thousand concurrent callers each get their own replies, in their order`() async throws {
        try await TestRedis.withClient { client in
            try await withThrowingTaskGroup { group in
                for caller in 0..<1000 {
                    group.addTask {
                        for round in 0..<20 {
                            let reply = try await client.send(["ECHO", "\(caller)/\(round)"])
                            #expect(try reply.asText() == "\(caller)/\(round)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `commands of one caller run in their order`() async throws {
        try await TestRedis.withClient { client in
            let key = TestRedis.key()
            let futures = (0..<500).map { client.submit(["RPUSH", "\(key)", .integer($0)]) }
            let lengths = try await EventLoopFuture.whenAllSucceed(futures, on: client.eventLoop).get()

            #expect(lengths == (1...500).map { .integer($0) })
            let stored = try await client.send(["LRANGE", "\(key)", 0, -1]).asArray()
            #expect(try stored.map { try $0.asText() } == (0..<500).map { "\($0)" })
            _ = try await client.send(["DEL", "\(key)"])
        }
    }

    @Test func `bytes come back as they were sent`() async throws {
        try await TestRedis.withClient { client in
            let key = TestRedis.key()
            let value = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

            let stored = try await client.send(["SET", "\(key)", .bytes(value)])
            #expect(stored == .simple("OK"))
            #expect(try await client.send(["GET", "\(key)"]).asBytes() == value)
            #expect(try await client.send(["DEL", "\(key)"]).asInteger() == 1)
            #expect(try await client.send(["GET", "\(key)"]).asOptionalBytes() == nil)
        }
    }

    @Test func `an error reply is thrown with its code, and stays a value inside an array`() async throws {
        try await TestRedis.withClient { client in
            let key = TestRedis.key()
            _ = try await client.send(["SET", "\(key)", "text"])

            let error = try await redisError { try await client.send(["LPUSH", "\(key)", "x"]) }
            #expect(error.code == .wrongType)
            #expect(error.message.hasPrefix("LPUSH: WRONGTYPE "))

            let nested = try await client.send(["EVAL", "return {1, redis.error_reply('MISCONF disk')}", 0])
            #expect(nested == .array([.integer(1), .error("MISCONF disk")]))
            _ = try await client.send(["DEL", "\(key)"])
        }
    }

    @Test func `a script is loaded when Redis does not know it`() async throws {
        let key = TestRedis.key()
        let script = RedisScript(name: "join", source: "return {KEYS[1], ARGV[1], ARGV[2]} -- \(key)")
        let answer = RedisReply.array([.bulk(Array(key.utf8)), .bulk([0, 1]), .bulk(Array("7".utf8))])
        try await TestRedis.withClient { client in
            for _ in 0..<2 {
                let reply = try await client.run(script, keys: [.text(key)], arguments: [.bytes([0, 1]), 7])
                #expect(reply == answer)
            }
            #expect(try await client.send(["SCRIPT", "EXISTS", .text(script.digest)]) == .array([.integer(1)]))

            _ = try await client.send(["SCRIPT", "FLUSH"])

            let reply = try await client.submit(script, keys: [.text(key)], arguments: [.bytes([0, 1]), 7]).get()
            #expect(reply == answer)
        }
    }

    @Test func `a script's error says which script it was`() async throws {
        try await TestRedis.withClient { client in
            let script = RedisScript(name: "fail-always", source: "return redis.error_reply('EPOCH mismatch')")
            let error = try await redisError { try await client.run(script, keys: []) }

            #expect(error.code == RedisError.Code(rawValue: "EPOCH"))
            #expect(error.message.contains("script fail-always"))
            let future = client.submit(script, keys: [])
            #expect(try await redisError { try await future.get() }.code == error.code)
        }
    }

    @Test func `cancelling one caller disturbs no other and keeps the connection`() async throws {
        try await TestRedis.withClient { client in
            let id = try await client.send(["CLIENT", "ID"])
            try await withThrowingTaskGroup { group in
                for caller in 0..<2000 {
                    let task = Task { try await client.send(["ECHO", .integer(caller)]).asText() }
                    if caller.isMultiple(of: 3) { task.cancel() }
                    group.addTask {
                        do {
                            #expect(try await task.value == "\(caller)")
                        } catch {
                            #expect((error as? RedisError)?.code == .cancelled)
                            #expect(caller.isMultiple(of: 3))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.send(["CLIENT", "ID"]) == id)
        }
    }

    @Test func `logs in to its database under its name`() async throws {
        var configuration = try TestRedis.configuration()
        configuration.database = 5
        configuration.clientName = "millrace-test"
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let info = try await client.send(["CLIENT", "INFO"]).asText()

            #expect(info.contains("name=millrace-test "))
            #expect(info.contains(" db=5 "))
        }
    }

    @Test func `a stopped client refuses commands`() async throws {
        let client = try RedisClient(TestRedis.configuration(), logger: TestRedis.logger)
        #expect(try await redisError { try await client.send(["PING"]) }.code == .unavailable)

        client.start()
        let reply = client.submit(["PING"])
        _ = try await reply.get()
        await client.shutdown()

        #expect(try await redisError { try await client.send(["PING"]) }.code == .unavailable)
    }

    @Test func `a reply that is under way is waited for at shutdown`() async throws {
        let client = try RedisClient(TestRedis.configuration(), logger: TestRedis.logger)
        client.start()
        _ = try await client.send(["PING"])

        let replies = try await client.eventLoop.submit { (0..<100).map { _ in client.submit(["PING"]) } }.get()
        // Behind the task that writes the commands.
        try await client.eventLoop.submit {}.get()
        await client.shutdown()

        for reply in replies { #expect(try await reply.get() == .simple("PONG")) }
    }
}
