// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOCore

/// Keeps one connection: opens it, says so, and opens another when it ends, until it is stopped.
///
/// It runs wholly on the event loop, without a task, so that nothing that occupies Swift's threads can hold up a
/// reconnect.
final class RedisSupervisor: Sendable {
    /// What happens, in this order, told on the event loop.
    enum Event {
        /// `generation` counts the connections from 1.
        case connected(RedisConnection, generation: Int)
        /// An attempt failed or the connection ended.
        case disconnected(RedisError)
    }

    private struct State {
        enum Phase {
            case idle
            case connecting
            case connected(RedisConnection)
            case waiting(Scheduled<Void>)
            case stopped
        }

        var phase = Phase.idle
        var generation = 0
        var backoff = ReconnectBackoff()
        var isOutageLogged = false
        var onEvent: (@Sendable (Event) -> Void)?
    }

    private let connector: RedisConnector
    private let logger: Logger
    private let state: NIOLoopBoundBox<State>

    private var eventLoop: any EventLoop { connector.eventLoop }
    private var endpoint: String { connector.configuration.endpoint }

    init(connector: RedisConnector, logger: Logger) {
        self.connector = connector
        self.logger = logger
        self.state = .makeBoxSendingValue(State(), eventLoop: connector.eventLoop)
    }

    /// Begins to connect, and calls `onEvent` on the event loop from now on; once.
    func start(onEvent: @escaping @Sendable (Event) -> Void) {
        eventLoop.execute {
            guard case .idle = self.state.value.phase else { return }
            self.state.value.onEvent = onEvent
            self.connect()
        }
    }

    /// Stops for good. The future succeeds when the connection has answered what was sent and is closed.
    func stop() -> EventLoopFuture<Void> {
        eventLoop.flatSubmit { [self] in
            let phase = state.value.phase
            state.value.phase = .stopped
            switch phase {
            case .idle, .connecting, .stopped: break
            case .waiting(let timer): timer.cancel()
            case .connected(let connection):
                connection.retire(RedisError(.unavailable, "the client was shut down"))
                return connection.closeFuture
            }
            return eventLoop.makeSucceededVoidFuture()
        }
    }

    private func connect() {
        state.value.phase = .connecting
        connector.connect().whenComplete { [self] result in
            switch result {
            case .success(let connection): begin(connection)
            case .failure(let error):
                failed(error as? RedisError ?? RedisError(.unavailable, RedisError.words(of: error)))
            }
        }
    }

    private func begin(_ connection: RedisConnection) {
        guard case .connecting = state.value.phase else {
            return connection.terminate(RedisError(.unavailable, "the client was shut down"))
        }
        state.value.phase = .connected(connection)
        state.value.generation += 1
        state.value.isOutageLogged = false
        let generation = state.value.generation
        logger.info("connected to Redis", metadata: .redis(endpoint, generation: generation))
        let began = NIODeadline.now()
        tell(.connected(connection, generation: generation))
        connection.closeFuture.whenComplete { [self] _ in
            // A connection that ends at once, time and again, must not be reopened at full speed.
            if NIODeadline.now() - began >= TimeAmount(ReconnectBackoff.ceilingMax) { state.value.backoff.reset() }
            failed(connection.closedBy ?? RedisError(.unavailable, "connection closed"))
        }
    }

    private func failed(_ error: RedisError) {
        if case .stopped = state.value.phase { return tell(.disconnected(error)) }
        if state.value.isOutageLogged {
            logger.debug("Redis still unreachable", metadata: .redis(endpoint, error: error))
        } else {
            logger.warning("no connection to Redis, reconnecting", metadata: .redis(endpoint, error: error))
            state.value.isOutageLogged = true
        }
        var generator = SystemRandomNumberGenerator()
        let delay = state.value.backoff.next(using: &generator)
        let timer = eventLoop.scheduleTask(in: TimeAmount(delay)) {
            guard case .waiting = self.state.value.phase else { return }
            self.connect()
        }
        state.value.phase = .waiting(timer)
        tell(.disconnected(error))
    }

    private func tell(_ event: Event) { state.value.onEvent?(event) }
}
