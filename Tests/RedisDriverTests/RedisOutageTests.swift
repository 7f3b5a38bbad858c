// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import RedisDriver
import Synchronization
import Testing

/// What happens when Redis hangs, dies, refuses or is not Redis at all.
@Suite(.needsRedis) struct RedisOutageTests {
    private func withClient(
        of server: RedisServer, deadline: Duration = .seconds(2), _ body: (RedisClient) async throws -> Void
    ) async throws {
        var configuration = server.configuration
        configuration.commandDeadline = deadline
        try await RedisClient.withClient(configuration, logger: TestRedis.logger, body)
    }

    private func untilConnected(_ client: RedisClient) async throws {
        try await eventually("the client is connected") { (try? await client.send(["PING"])) != nil }
    }

    @Test func `a sent command that passes its deadline has an unknown outcome, and so have those behind it`()
        async throws
    {
        try await RedisServer.with { server in
            try await withClient(of: server) { client in
                _ = try await client.send(["PING"])
                async let slow = redisError {
                    try await client.send(["DEBUG", "SLEEP", "1"], deadline: .milliseconds(100))
                }
                async let behind = redisError { try await client.send(["PING"]) }

                let errors = try await [slow, behind]
                #expect(errors.map(\.code) == [.outcomeUnknown, .outcomeUnknown])
                #expect(errors[1].message.contains("did not answer DEBUG within 100 ms"))

                try await untilConnected(client)
            }
        }
    }

    @Test func `a command without time left is not sent, and harms nobody`() async throws {
        try await RedisServer.with { server in
            try await withClient(of: server) { client in
                let id = try await client.send(["CLIENT", "ID"])

                let error = try await redisError { try await client.send(["PING"], deadline: .seconds(-1)) }

                #expect(error.code == .unavailable)
                #expect(try await client.send(["CLIENT", "ID"]) == id)
            }
        }
    }

    @Test func `commands fail at once while Redis is away, and work when it is back`() async throws {
        try await RedisServer.with { server in
            try await withClient(of: server) { client in
                var states = client.states().makeAsyncIterator()
                _ = try await client.send(["PING"])
                while let state = await states.next(), state != .connected(generation: 1) {}

                server.kill()
                guard case .disconnected = await states.next() else {
                    throw RedisError(.unexpectedReply, "no disconnect")
                }
                let began = ContinuousClock.now
                let error = try await redisError { try await client.send(["PING"]) }
                #expect(error.code == .unavailable)
                #expect(ContinuousClock.now - began < .milliseconds(500))

                try await server.start()
                try await untilConnected(client)
                while let state = await states.next(), state != .connected(generation: 2) {}
            }
        }
    }

    @Test func `a killed server leaves sent commands unknown`() async throws {
        try await RedisServer.with { server in
            try await withClient(of: server) { client in
                _ = try await client.send(["PING"])
                async let blocked = redisError {
                    try await client.send(["BLPOP", "nothing", 0], deadline: .seconds(30))
                }
                try await RedisClient.withClient(server.configuration, logger: TestRedis.logger) { observer in
                    try await eventually("the command blocks") {
                        try await observer.send(["CLIENT", "LIST"]).asText().contains("cmd=blpop")
                    }
                }
                server.kill()

                #expect(try await blocked.code == .outcomeUnknown)
            }
        }
    }

    @Test func `a refused connection is an error that says so`() async throws {
        let configuration = RedisConfiguration(host: "127.0.0.1", port: try RedisServer.freePort())
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let error = try await redisError { try await client.send(["PING"]) }

            #expect(error.code == .unavailable)
            #expect(error.message.contains(configuration.endpoint) && error.message.contains("refused"))
        }
    }

    @Test func `an unknown host is an error that says so`() async throws {
        let configuration = RedisConfiguration(host: "no-such-host.invalid")
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let error = try await redisError { try await client.send(["PING"]) }

            #expect(error.code == .unavailable)
            #expect(error.message.contains("no-such-host.invalid"))
        }
    }

    @Test func `a wrong or missing password is named, and never shown`() async throws {
        try await RedisServer.with(arguments: ["--requirepass", "swordfish"]) { server in
            for (password, code) in [(RedisPassword("sunfish"), RedisError.Code.wrongPassword), (nil, .noAuth)] {
                var configuration = server.configuration
                configuration.password = password
                try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                    let error = try await redisError { try await client.send(["PING"]) }

                    #expect(error.code == .unavailable)
                    #expect(error.underlying == code)
                    #expect(error.message.contains(code.rawValue) && !error.message.contains("sunfish"))
                }
            }
            var configuration = server.configuration
            configuration.password = "swordfish"
            try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                _ = try await client.send(["PING"])
            }
        }
    }

    @Test func `more commands than may be pending are refused`() async throws {
        try await RedisServer.with { server in
            var configuration = server.configuration
            configuration.pendingCommandsMax = 10
            try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                _ = try await client.send(["PING"])
                let blocker = client.submit(["BLPOP", "nothing", 1], deadline: .seconds(5))
                let neighbours = (0..<9).map { _ in client.submit(["PING"], deadline: .seconds(5)) }

                let error = try await redisError { try await client.send(["PING"]) }
                #expect(error.code == .overloaded)

                #expect(try await blocker.get() == .null)
                for neighbour in neighbours { #expect(try await neighbour.get() == .simple("PONG")) }
                #expect(try await client.send(["PING"]) == .simple("PONG"))
            }
        }
    }

    @Test func `more bytes than may be queued are refused`() async throws {
        var configuration = try TestRedis.configuration()
        configuration.queuedBytesMax = 1000
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let big = RedisArgument.bytes([UInt8](repeating: 0, count: 1000))
            let error = try await redisError { try await client.send(["ECHO", big]) }
            #expect(error.code == .overloaded)

            let first = client.submit(["PING"])
            #expect(try await redisError { try await client.send(["ECHO", big]) }.code == .overloaded)
            #expect(try await first.get() == .simple("PONG"))
            #expect(try await client.send(["ECHO", "small"]).asText() == "small")
        }
    }

    @Test func `a replica's refusal reaches the caller whole, and another connection is made`() async throws {
        try await RedisServer.with { server in
            try await withClient(of: server) { client in
                _ = try await client.send(["REPLICAOF", "127.0.0.1", "1"])
                let id = try await client.send(["CLIENT", "ID"])

                let error = try await redisError { try await client.send(["SET", "a", "b"]) }
                #expect(error.code == .readOnly)
                #expect(error.message.contains("READONLY You can't write"))

                try await untilConnected(client)
                #expect(try await client.send(["CLIENT", "ID"]) != id)
            }
        }
    }

    @Test func `futures, deadlines and reconnects work while tasks occupy all of Swift's threads`() async throws {
        try await RedisServer.with { server in
            var configuration = server.configuration
            configuration.host = "localhost"
            try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                _ = try await client.send(["PING"])
                let reconnected = DispatchSemaphore(value: 0)
                client.onStateChange { if $0 == .connected(generation: 2) { reconnected.signal() } }
                try await client.eventLoop.submit {}.get()

                let replies = await whileStarving {
                    var replies = [try? client.submit(["PING"]).wait()]
                    _ = try? client.submit(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]).wait()
                    if reconnected.wait(timeout: .now() + 5) == .success {
                        replies.append(try? client.submit(["PING"]).wait())
                    }
                    return replies
                }

                #expect(replies == [.simple("PONG"), .simple("PONG")])
            }
        }
    }

    @Test func `a task that runs on an event loop can send while tasks occupy all of Swift's threads`() async throws {
        try await TestRedis.withClient { client in
            _ = try await client.send(["PING"])
            let replies = Counter()
            let keeping = Task(executorPreference: LoopTaskExecutor(eventLoop: client.eventLoop)) {
                let script = RedisScript(name: "echo", source: "return ARGV[1]")
                while true {
                    _ = try await client.send(["PING"])
                    _ = try await client.run(script, keys: [], arguments: ["x"])
                    replies.increment()
                }
            }
            try await eventually("the task sends") { replies.value > 0 }

            let wasServed = await whileStarving {
                let before = replies.value
                return blockUntil { replies.value >= before + 10 }
            }

            keeping.cancel()
            #expect(wasServed)
            #expect(try await redisError { try await keeping.value }.code == .cancelled)
        }
    }

    private final class Counter: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.add(1, ordering: .relaxed) }
    }

    private final class LoopTaskExecutor: TaskExecutor {
        private let eventLoop: any EventLoop

        init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    /// Runs `body` on a thread of its own while all threads that run tasks spin.
    private func whileStarving<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let starvation = Starvation()
        async let spinners: Void = withTaskGroup { group in
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount * 2 {
                group.addTask { starvation.spin() }
            }
        }
        let value = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                starvation.waitUntilSpinning(ProcessInfo.processInfo.activeProcessorCount)
                let value = body()
                starvation.end()
                continuation.resume(returning: value)
            }
        }
        await spinners
        return value
    }

    private final class Starvation: Sendable {
        private let spinning = Atomic(0)
        private let hasEnded = Atomic(false)

        func spin() {
            spinning.add(1, ordering: .relaxed)
            while !hasEnded.load(ordering: .relaxed) {}
        }

        func waitUntilSpinning(_ count: Int) {
            _ = blockUntil(within: 30) { spinning.load(ordering: .relaxed) >= count }
        }

        func end() { hasEnded.store(true, ordering: .relaxed) }
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR max number of clients reached\r\n", ""])
    func `something that is no Redis gives an error and no crash`(_ greeting: String) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.pipeline.addHandler(Greeter(greeting: greeting)) }
            .bind(host: "127.0.0.1", port: 0).get()
        let configuration = RedisConfiguration(host: "127.0.0.1", port: try #require(listener.localAddress?.port))
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let error = try await redisError { try await client.send(["PING"]) }

            #expect(error.code == .unavailable)
            if greeting.hasPrefix("HTTP") { #expect(error.underlying == .protocolViolation) }
            if greeting.hasPrefix("-") { #expect(error.message.contains("max number of clients reached")) }
        }
        try await listener.close()
    }

    @Test func `a server that accepts and says nothing is given up after the connect timeout`() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
            host: "127.0.0.1", port: 0
        ).get()
        var configuration = RedisConfiguration(host: "127.0.0.1", port: try #require(listener.localAddress?.port))
        configuration.connectTimeout = .milliseconds(200)
        try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
            let error = try await redisError { try await client.send(["PING"]) }

            #expect(error.code == .unavailable)
            #expect(error.message.contains("no connection to \(configuration.endpoint): "))
        }
        try await listener.close()
    }
}

/// Says one thing to whoever connects, and hangs up.
private final class Greeter: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let greeting: String

    init(greeting: String) { self.greeting = greeting }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil)
        context.close(promise: nil)
    }
}
