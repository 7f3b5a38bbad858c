// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// A connection of its own for commands that block in Redis, such as `BLPOP`. It connects on first use, and again after
/// a failure.
///
/// One command at a time. Cancelling the caller closes the connection, which ends the command in Redis too; what it may
/// have taken from a list just then is lost.
package final class RedisBlockingConnection: Sendable {
    private struct State {
        var connection: EventLoopFuture<RedisConnection>?
        var backoff = ReconnectBackoff()
        var mustBackOff = false
        var isBusy = false
        var isClosed = false
    }

    /// How much longer than the command blocks its reply may take.
    private static let grace: Duration = .seconds(1)

    private let connector: RedisConnector
    private let logger: Logger
    private let state = Mutex(State())

    private var eventLoop: any EventLoop { connector.eventLoop }

    /// - Throws: `.invalidConfiguration` for certificate authorities or a client name that cannot be used.
    package init(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        logger: Logger
    ) throws(RedisError) {
        self.connector = try RedisConnector(configuration: configuration, eventLoop: eventLoop)
        self.logger = logger
    }

    deinit { close() }

    /// Sends a blocking command and waits for its reply, at most `duration` + 1 s.
    ///
    /// - Parameter duration: how long the command blocks by its own arguments.
    /// - Throws: `.unavailable` (not sent; a next attempt is delayed with jitter, up to 1 s, so that a loop need not),
    ///   `.overloaded` when another command blocks here, `.outcomeUnknown`, `.cancelled`, or Redis's own code.
    package func send(_ command: RedisCommand, blockingFor duration: Duration) async throws(RedisError) -> RedisReply {
        let isFree = state.withLock { state in
            defer { state.isBusy = true }
            return !state.isBusy
        }
        guard isFree else {
            throw RedisError(.overloaded, "\(command.label): another command blocks on this connection")
        }
        defer { state.withLock { $0.isBusy = false } }
        let call = RedisCall(label: command.label, timeout: duration + Self.grace)
        let entry = QueuedCommand(command, call)
        return try await call.outcome(onCancel: { self.closeCurrent() }) {
            connection().whenComplete { result in
                switch result {
                case .success(let connection): if !call.hasEnded { connection.submit(entry) }
                case .failure(let error):
                    call.end(.failure(error as? RedisError ?? RedisError(.unavailable, RedisError.words(of: error))))
                }
            }
        }
    }

    /// Closes the connection for good: a command that blocks ends with `.outcomeUnknown`.
    package func close() {
        state.withLock { $0.isClosed = true }
        closeCurrent()
    }

    private func closeCurrent() {
        let current = state.withLock { state in
            defer { state.connection = nil }
            return state.connection
        }
        current?.whenSuccess { $0.terminate(RedisError(.unavailable, "the connection was closed by its user")) }
    }

    /// The present connection, or a new one.
    private func connection() -> EventLoopFuture<RedisConnection> {
        state.withLock { state in
            if state.isClosed {
                return eventLoop.makeFailedFuture(RedisError(.unavailable, "the connection was closed by its user"))
            }
            if let connection = state.connection { return connection }
            var delay = Duration.zero
            if state.mustBackOff {
                var generator = SystemRandomNumberGenerator()
                delay = state.backoff.next(using: &generator)
            }
            let new = open(after: delay)
            state.connection = new
            return new
        }
    }

    private func open(after delay: Duration) -> EventLoopFuture<RedisConnection> {
        let opened = eventLoop.flatScheduleTask(in: TimeAmount(delay)) { self.connector.connect() }.futureResult
        let endpoint = connector.configuration.endpoint
        opened.whenComplete { [weak self, logger] result in
            switch result {
            case .success(let connection):
                let began = NIODeadline.now()
                connection.closeFuture.whenComplete { [weak self] _ in
                    let wasShort = NIODeadline.now() - began < TimeAmount(ReconnectBackoff.ceilingMax)
                    self?.forget(opened, mustBackOff: wasShort)
                }
            case .failure(let error):
                logger.debug(
                    "no connection for blocking commands", metadata: .redis(endpoint, error: error as? RedisError))
                self?.forget(opened, mustBackOff: true)
            }
        }
        return opened
    }

    /// A connection that ends at once, time and again, is not reopened at full speed.
    private func forget(_ opened: EventLoopFuture<RedisConnection>, mustBackOff: Bool) {
        state.withLock { state in
            guard state.connection === opened else { return }  // closed by its user
            state.connection = nil
            state.mustBackOff = mustBackOff
            if !mustBackOff { state.backoff.reset() }
        }
    }
}
