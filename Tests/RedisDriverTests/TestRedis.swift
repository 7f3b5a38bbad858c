// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import NIOCore
import RedisDriver
import Testing

/// The Redis that tests share, and helpers to wait.
enum TestRedis {
    static let url = ProcessInfo.processInfo.environment["MILLRACE_TEST_REDIS_URL"]

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func configuration() throws -> RedisConfiguration {
        try RedisConfiguration(url: #require(url))
    }

    static func withClient<Value>(_ body: (RedisClient) async throws -> Value) async throws -> Value {
        try await RedisClient.withClient(configuration(), logger: logger, body)
    }

    /// A name that no other test uses.
    static func key(_ name: String = #function) -> String { "test:\(name):\(UUID().uuidString)" }
}

extension Trait where Self == ConditionTrait {
    static var needsRedis: Self {
        .enabled(if: TestRedis.url != nil, "needs MILLRACE_TEST_REDIS_URL, and redis-server for servers of its own")
    }
}

/// The error that `body` throws.
func redisError<Value>(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async throws -> RedisError {
    do {
        _ = try await body()
    } catch {
        return try #require(error as? RedisError, sourceLocation: sourceLocation)
    }
    return try #require(nil as RedisError?, "no error was thrown", sourceLocation: sourceLocation)
}

extension EventLoopFuture where Value: Sendable {
    /// For threads, which may wait.
    func redisError() -> RedisError? {
        do {
            _ = try wait()
            return nil
        } catch {
            return error as? RedisError
        }
    }
}
