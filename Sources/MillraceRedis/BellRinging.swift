// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore
import RedisDriver
import Synchronization

/// The connections on which callers wait for a queue's bell.
///
/// A waiting call needs a connection to itself. Those that are free are kept for the next; a worker process, which waits in one
/// place, has one.
final class BellRinging: Sendable {
    private struct State {
        var free: [RedisBlockingConnection] = []
        var busyCount = 0
        var isShutDown = false
    }

    static let waitersMax = 64
    private static let freeMax = 2

    private let configuration: RedisConfiguration
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Takes a ring from one of the lists, or returns after `timeout`.
    func wait(for bells: [RedisArgument], timeout: Duration) async throws(RedisError) {
        let milliseconds = timeout.milliseconds
        // Redis takes zero for "for ever".
        guard milliseconds > 0 else { return }
        let connection = try borrow()
        defer { giveBack(connection) }
        let seconds = "\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst())"
        _ = try await connection.send(
            RedisCommand(["BLPOP"] + bells + [.text(seconds)]), blockingFor: .milliseconds(milliseconds))
    }

    /// Ends all waiting; nobody waits from now on.
    func shutdown() {
        let free = state.withLock { state in
            state.isShutDown = true
            defer { state.free = [] }
            return state.free
        }
        for connection in free { connection.close() }
    }

    private func borrow() throws(RedisError) -> RedisBlockingConnection {
        let free: RedisBlockingConnection? = try state.withLock { (state) throws(RedisError) in
            if state.isShutDown { throw RedisError(.unavailable, "the broker was shut down") }
            guard state.busyCount < Self.waitersMax else {
                throw RedisError(.overloaded, "\(state.busyCount) callers wait for work already")
            }
            state.busyCount += 1
            return state.free.popLast()
        }
        if let free { return free }
        do throws(RedisError) {
            return try RedisBlockingConnection(configuration, eventLoop: eventLoopGroup.next(), logger: logger)
        } catch {
            state.withLock { $0.busyCount -= 1 }
            throw error
        }
    }

    private func giveBack(_ connection: RedisBlockingConnection) {
        let isKept = state.withLock { state in
            state.busyCount -= 1
            guard !state.isShutDown, state.free.count < Self.freeMax else { return false }
            state.free.append(connection)
            return true
        }
        if !isKept { connection.close() }
    }
}
