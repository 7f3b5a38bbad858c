// SPDX-License-Identifier: Apache-2.0

import RedisDriver
import Testing

@Suite(.needsRedis) struct RedisBlockingConnectionTests {
    private func waitUntilBlocked(on key: String, _ client: RedisClient) async throws {
        try await eventually("the command blocks") {
            try await client.send(["CLIENT", "LIST"]).asText().split(separator: "\n")
                .contains { $0.contains("name=\(key) ") && $0.contains("flags=b ") }
        }
    }

    private func withBlocking(_ body: (RedisBlockingConnection, RedisClient, String) async throws -> Void) async throws
    {
        let key = TestRedis.key("blocking").replacing(" ", with: "")
        var configuration = try TestRedis.configuration()
        configuration.clientName = key
        let blocking = try RedisBlockingConnection(configuration, logger: TestRedis.logger)
        try await TestRedis.withClient { client in try await body(blocking, client, key) }
        blocking.close()
    }

    @Test func `a waiting BLPOP is woken by a push`() async throws {
        try await withBlocking { blocking, client, key in
            async let reply = blocking.send(["BLPOP", .text(key), 10], blockingFor: .seconds(10))
            try await waitUntilBlocked(on: key, client)
            _ = try await client.send(["RPUSH", .text(key), "ding"])

            #expect(try await reply == .array([.bulk(Array(key.utf8)), .bulk(Array("ding".utf8))]))
        }
    }

    @Test func `a BLPOP that meets nothing is null`() async throws {
        try await withBlocking { blocking, _, key in
            let reply = try await blocking.send(["BLPOP", .text(key), "0.05"], blockingFor: .milliseconds(50))
            #expect(reply == .null)
        }
    }

    @Test func `cancelling a BLPOP ends it here and in Redis, and the next one works`() async throws {
        try await withBlocking { blocking, client, key in
            let waiting = Task { try await blocking.send(["BLPOP", .text(key), 30], blockingFor: .seconds(30)) }
            try await waitUntilBlocked(on: key, client)
            let began = ContinuousClock.now
            waiting.cancel()

            #expect(try await redisError { try await waiting.value }.code == .cancelled)
            #expect(ContinuousClock.now - began < .seconds(10))
            try await eventually("Redis has dropped the connection") {
                try await !client.send(["CLIENT", "LIST"]).asText().contains("name=\(key) ")
            }

            _ = try await client.send(["RPUSH", .text(key), "ding"])
            let reply = try await blocking.send(["BLPOP", .text(key), 10], blockingFor: .seconds(10))
            #expect(reply == .array([.bulk(Array(key.utf8)), .bulk(Array("ding".utf8))]))
        }
    }

    @Test func `a second command is refused while one blocks`() async throws {
        try await withBlocking { blocking, client, key in
            async let reply = blocking.send(["BLPOP", .text(key), 10], blockingFor: .seconds(10))
            try await waitUntilBlocked(on: key, client)

            #expect(try await redisError { try await blocking.send(["PING"], blockingFor: .zero) }.code == .overloaded)
            _ = try await client.send(["RPUSH", .text(key), "ding"])
            _ = try await reply
        }
    }

    @Test func `attempts to reach a Redis that is away are spaced out`() async throws {
        let configuration = RedisConfiguration(host: "127.0.0.1", port: try RedisServer.freePort())
        let blocking = try RedisBlockingConnection(configuration, logger: TestRedis.logger)
        let began = ContinuousClock.now
        for _ in 0..<12 {
            let error = try await redisError { try await blocking.send(["PING"], blockingFor: .zero) }
            #expect(error.code == .unavailable)
        }
        // Half the sum of the ceilings is 4 s; without delays it takes milliseconds.
        #expect(ContinuousClock.now - began > .milliseconds(500))
    }
}

@Suite(.needsRedis) struct RedisSubscriberTests {
    private func withSubscriber(
        channels: Set<String>, name: String = "subscriber", bufferedEventsMax: Int = 1024,
        _ body: (RedisSubscriber, RedisClient) async throws -> Void
    ) async throws {
        var configuration = try TestRedis.configuration()
        configuration.clientName = name
        let subscriber = try RedisSubscriber(
            configuration, channels: channels, bufferedEventsMax: bufferedEventsMax, logger: TestRedis.logger)
        subscriber.start()
        try await TestRedis.withClient { client in try await body(subscriber, client) }
        await subscriber.shutdown()
    }

    private func connectionID(of name: String, _ client: RedisClient) async throws -> String? {
        let lines = try await client.send(["CLIENT", "LIST"]).asText().split(separator: "\n")
        return lines.first { $0.contains("name=\(name) ") }?.split(separator: " ").first.map { String($0.dropFirst(3)) }
    }

    @Test func `delivers what is published to its channels after it says that it is subscribed`() async throws {
        let (a, b) = (TestRedis.key("a"), TestRedis.key("b"))
        try await withSubscriber(channels: [a, b]) { subscriber, client in
            var events = subscriber.events.makeAsyncIterator()
            #expect(await events.next() == .subscribed(generation: 1))

            for number in 0..<100 {
                _ = try await client.send(["PUBLISH", .text(number.isMultiple(of: 2) ? a : b), .integer(number)])
            }

            for number in 0..<100 {
                let channel = number.isMultiple(of: 2) ? a : b
                #expect(await events.next() == .message(channel: channel, payload: Array("\(number)".utf8)))
            }
        }
    }

    @Test func `subscribes again when its connection was killed, and says so`() async throws {
        let channel = TestRedis.key("killed")
        let name = "subscriber-\(UInt64.random(in: 0...UInt64.max))"
        try await withSubscriber(channels: [channel], name: name) { subscriber, client in
            var events = subscriber.events.makeAsyncIterator()
            #expect(await events.next() == .subscribed(generation: 1))
            let id = try #require(try await connectionID(of: name, client))

            #expect(try await client.send(["CLIENT", "KILL", "ID", "\(id)"]) == .integer(1))

            guard case .interrupted = await events.next() else { throw RedisError(.unexpectedReply, "not interrupted") }
            #expect(await events.next() == .subscribed(generation: 2))
            _ = try await client.send(["PUBLISH", .text(channel), "again"])
            #expect(await events.next() == .message(channel: channel, payload: Array("again".utf8)))
        }
    }

    @Test func `a subscription always follows what a slow reader has missed`() async throws {
        let channel = TestRedis.key("slow")
        let name = "slow-\(UInt64.random(in: 0...UInt64.max))"
        try await withSubscriber(channels: [channel], name: name, bufferedEventsMax: 8) { subscriber, client in
            var events = subscriber.events.makeAsyncIterator()
            #expect(await events.next() == .subscribed(generation: 1))
            let id = try await connectionID(of: name, client)
            for number in 0..<50 { _ = try await client.send(["PUBLISH", .text(channel), .integer(number)]) }
            try await eventually("the subscription is made anew") {
                let now = try await connectionID(of: name, client)
                return now != nil && now != id
            }

            // Whoever looks anew after each subscription misses nothing for good.
            let news = RedisSubscriber.Event.message(channel: channel, payload: Array("news".utf8))
            while let event = await events.next(), event != news {
                if case .subscribed(let generation) = event, generation > 1 {
                    _ = try await client.send(["PUBLISH", .text(channel), "news"])
                }
            }
        }
    }

    @Test func `a quiet subscription stays, and one whose Redis hangs is made anew`() async throws {
        try await RedisServer.with { server in
            let subscriber = try RedisSubscriber(
                server.configuration, channels: ["x"], pingInterval: .milliseconds(700), logger: TestRedis.logger)
            subscriber.start()
            try await RedisClient.withClient(server.configuration, logger: TestRedis.logger) { client in
                var events = subscriber.events.makeAsyncIterator()
                #expect(await events.next() == .subscribed(generation: 1))
                // The first ping comes after the deadline for the confirmation.
                try await eventually("pings keep the connection") {
                    try await client.send(["CLIENT", "LIST"]).asText().contains("cmd=ping")
                }
                _ = try await client.send(["PUBLISH", "x", "still here"])
                #expect(await events.next() == .message(channel: "x", payload: Array("still here".utf8)))

                _ = try? await client.send(["DEBUG", "SLEEP", "2"])

                guard case .interrupted = await events.next() else {
                    throw RedisError(.unexpectedReply, "no interruption")
                }
                while let event = await events.next(), event != .subscribed(generation: 2) {}
            }
            await subscriber.shutdown()
        }
    }

    @Test func `its events end when it is shut down`() async throws {
        let subscriber = try RedisSubscriber(TestRedis.configuration(), channels: ["x"], logger: TestRedis.logger)
        subscriber.start()
        var events = subscriber.events.makeAsyncIterator()
        #expect(await events.next() == .subscribed(generation: 1))

        await subscriber.shutdown()

        while await events.next() != nil {}
    }
}
