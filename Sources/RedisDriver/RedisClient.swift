// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// A Redis that many callers share: one connection, pipelined by itself, reopened by itself.
///
/// Without a connection commands fail at once with `.unavailable`, except before the first attempt to connect has
/// ended, which they wait for. The futures, the deadlines and the reconnects need nothing but the event loop; only the
/// `async` methods need Swift's threads, unless their task prefers another executor.
package final class RedisClient: Sendable {
    package let configuration: RedisConfiguration
    package let eventLoop: any EventLoop

    private enum Link {
        case idle
        /// The first attempt is under way.
        case starting([QueuedCommand], bytes: Int)
        case connected(RedisConnection)
        case disconnected(RedisError)
    }

    private enum Route {
        case connection(RedisConnection)
        case held
        case refused(RedisError)
    }

    private let link: Mutex<Link>
    private let supervisor: RedisSupervisor
    let observers: NIOLoopBoundBox<Observers>

    /// Makes a client that connects when ``start()`` is called.
    /// - Throws: `.invalidConfiguration` for certificate authorities or a client name that cannot be used.
    package init(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        logger: Logger
    ) throws(RedisError) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.link = Mutex(.idle)
        self.observers = .makeBoxSendingValue(Observers(), eventLoop: eventLoop)
        let connector = try RedisConnector(configuration: configuration, eventLoop: eventLoop)
        self.supervisor = RedisSupervisor(connector: connector, logger: logger)
    }

    deinit { _ = supervisor.stop() }

    /// Begins to connect, and keeps at it until ``shutdown()``.
    package func start() {
        let isFirst = link.withLock { link in
            guard case .idle = link else { return false }
            link = .starting([], bytes: 0)
            return true
        }
        if isFirst { supervisor.start { [weak self] in self?.handle($0) } }
    }

    /// Takes no more commands, waits for the replies to those sent, at most their deadline, and closes. Not affected by
    /// cancellation.
    package func shutdown() async {
        let stopped = RedisError(.unavailable, "the client was shut down")
        refuse(close(stopped), stopped)
        // The future never fails.
        try? await supervisor.stop().get()
    }

    /// Runs `body` with a started client, and shuts it down after.
    package static func withClient<Value>(
        _ configuration: RedisConfiguration, eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        logger: Logger, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try RedisClient(configuration, eventLoop: eventLoop, logger: logger)
        client.start()
        do {
            let value = try await body(client)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    // MARK: Routing

    /// Passes a command on, holds it for the first connection, or refuses it. The call is ended in any case.
    func submit(_ entry: QueuedCommand) {
        let route: Route = link.withLock { link in
            switch link {
            case .connected(let connection): return .connection(connection)
            case .disconnected(let error):
                let message = "\(entry.call.label): not sent, \(error.message)"
                return .refused(RedisError(.unavailable, message, underlying: error.underlying))
            case .idle:
                return .refused(RedisError(.unavailable, "\(entry.call.label): not sent, the client was not started"))
            case .starting(var held, let bytes):
                let newBytes = bytes + entry.byteCountMax
                guard held.count < configuration.pendingCommandsMax, newBytes <= configuration.queuedBytesMax else {
                    return .refused(
                        RedisError(.overloaded, "\(entry.call.label): too many commands wait for the first connection"))
                }
                link = .idle  // so that `held` is not copied
                held.append(entry)
                link = .starting(held, bytes: newBytes)
                return .held
            }
        }
        switch route {
        case .connection(let connection): connection.submit(entry)
        case .held: break
        case .refused(let error): entry.call.end(.failure(error))
        }
    }

    private func handle(_ event: RedisSupervisor.Event) {
        switch event {
        case .connected(let connection, let generation):
            open(connection)
            tell(.connected(generation: generation))
        case .disconnected(let error):
            refuse(close(error), error)
            tell(.disconnected(error))
        }
    }

    /// Lets commands through once those that waited for the first connection are on their way, so that none overtakes
    /// an earlier one of the same caller.
    private func open(_ connection: RedisConnection) {
        var held: [QueuedCommand]
        repeat {
            held = link.withLock { link in
                if case .starting(let held, _) = link, !held.isEmpty {
                    link = .starting([], bytes: 0)
                    return held
                }
                link = .connected(connection)
                return []
            }
            for entry in held { connection.submit(entry) }
        } while !held.isEmpty
    }

    /// Returns the commands that waited for the first connection.
    private func close(_ reason: RedisError) -> [QueuedCommand] {
        link.withLock { link in
            defer { link = .disconnected(reason) }
            if case .starting(let held, _) = link { return held }
            return []
        }
    }

    private func refuse(_ held: [QueuedCommand], _ error: RedisError) {
        for entry in held {
            let message = "\(entry.call.label): not sent, \(error.message)"
            entry.call.end(.failure(RedisError(.unavailable, message, underlying: error.underlying)))
        }
    }
}
