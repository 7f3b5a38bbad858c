// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceRedis
import MillraceTesting
import RedisDriver
import Testing

@Suite("The check of the server", .needsRedis) struct ServerCheckTests {
    @Test func `a policy that drops jobs is refused until it is mended`() async throws {
        try await RedisServer.with(arguments: ["--maxmemory-policy", "allkeys-lru"]) { server in
            try await RedisFixture.with(url: server.url) { fixture in
                try await fixture.open()

                for error in [
                    try await brokerError { try await fixture.redis.check() },
                    try await brokerError { try await fixture.enqueue([fixture.job()]) },
                    try await brokerError { try await fixture.reserve() },
                ] {
                    #expect(error.code == .misconfigured)
                    #expect(error.message.contains("allkeys-lru"))
                }

                _ = try await fixture.client.send(["CONFIG", "SET", "maxmemory-policy", "noeviction"])
                try await fixture.redis.check()
                try await fixture.enqueue([fixture.job()])
            }
        }
    }

    @Test func `a password that is wrong is for an operator to mend`() async throws {
        try await RedisServer.with { server in
            let broker = try RedisFixture.broker(
                url: "redis://nobody:wrong@127.0.0.1:\(server.port)", prefix: "test", clock: nil)

            #expect(try await brokerError { try await broker.check() }.code == .misconfigured)

            await broker.shutdown()
        }
    }

    @Test func `a user without the rights is for an operator to mend`() async throws {
        try await RedisServer.withFixture { fixture in
            _ = try await fixture.client.send(
                ["ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@read", "+info", "+ping"])
            let port = try #require(fixture.url.split(separator: ":").last)
            let broker = try RedisFixture.broker(
                url: "redis://reader:secret@127.0.0.1:\(port)", prefix: "test", clock: nil)

            let error = try await brokerError { try await broker.configure("q", isPaused: true, epoch: nil) }
            #expect(error.code == .misconfigured)
            #expect(error.message.contains("NOPERM"))

            await broker.shutdown()
        }
    }

    @Test(arguments: ["127.0.0.1:6379", "redis://user@host", ""])
    func `a URL that cannot be used is refused`(_ url: String) throws {
        let error = #expect(throws: BrokerError.self) {
            try RedisBroker(RedisBroker.Configuration(url: url), logger: TestRedis.logger)
        }

        #expect(error?.code == .misconfigured)
    }

    @Test func `a prefix that cannot be used is refused`() throws {
        var configuration = RedisBroker.Configuration(url: "redis://127.0.0.1")
        configuration.keyPrefix = "{"

        let error = #expect(throws: BrokerError.self) { try RedisBroker(configuration, logger: TestRedis.logger) }

        #expect(error?.code == .misconfigured)
    }
}
