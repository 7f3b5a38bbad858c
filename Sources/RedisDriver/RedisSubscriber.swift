// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore
import NIOPosix

/// A connection of its own that stays subscribed to a set of channels.
///
/// Redis keeps no messages for those who are away: what was published between `.interrupted` and the next `.subscribed`
/// is lost, so after each `.subscribed` look at the state that the messages are about.
package final class RedisSubscriber: Sendable {
    package enum Event: Hashable, Sendable {
        /// Redis has confirmed all channels: messages arrive from now on. `generation` counts the subscriptions from 1;
        /// one above 1 means that messages may have been missed.
        case subscribed(generation: Int)
        case message(channel: String, payload: [UInt8])
        /// The connection ended or could not be made; attempts go on.
        case interrupted(RedisError)
    }

    /// For one reader. When it is slow and the buffer is full, the oldest events are dropped and the subscription is
    /// made anew, so that a `.subscribed` always follows a gap.
    package let events: AsyncStream<Event>

    private let channels: Set<String>
    private let confirmationDeadline: Duration
    private let pingInterval: Duration
    private let continuation: AsyncStream<Event>.Continuation
    private let supervisor: RedisSupervisor

    /// - Parameters:
    ///   - channels: at least one.
    ///   - bufferedEventsMax: how many events wait for a slow reader. Default 1024.
    ///   - pingInterval: how often Redis is asked for a sign of life; the connection is given up when none came until
    ///     the next time. Default 5 s.
    /// - Throws: `.invalidConfiguration` for certificate authorities or a client name that cannot be used.
    package init(
        _ configuration: RedisConfiguration, channels: Set<String>, bufferedEventsMax: Int = 1024,
        pingInterval: Duration = .seconds(5),
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(), logger: Logger
    ) throws(RedisError) {
        precondition(!channels.isEmpty, "a subscriber needs a channel")
        self.channels = channels
        self.confirmationDeadline = configuration.commandDeadline
        self.pingInterval = pingInterval
        (self.events, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(bufferedEventsMax))
        let connector = try RedisConnector(configuration: configuration, eventLoop: eventLoop)
        self.supervisor = RedisSupervisor(connector: connector, logger: logger)
    }

    deinit {
        _ = supervisor.stop()
        continuation.finish()
    }

    /// Begins to connect and subscribe, and keeps at it until ``shutdown()``.
    package func start() {
        supervisor.start { [channels, confirmationDeadline, pingInterval, continuation] event in
            switch event {
            case .connected(let connection, let generation):
                SubscriptionSession(
                    connection: connection, channels: channels, generation: generation, events: continuation
                )
                .begin(confirmationDeadline: confirmationDeadline, pingInterval: pingInterval)
            case .disconnected(let error): continuation.yield(.interrupted(error))
            }
        }
    }

    /// Closes the connection and ends ``events``.
    package func shutdown() async {
        // The future never fails.
        try? await supervisor.stop().get()
        continuation.finish()
    }
}

/// One connection's subscription, on its event loop. The connection keeps it until it is closed.
private final class SubscriptionSession {
    private let connection: RedisConnection
    private let channels: Set<String>
    private let generation: Int
    private let events: AsyncStream<RedisSubscriber.Event>.Continuation
    private var unconfirmed: Set<String>
    private var heardSinceTick = false
    private var timer: Scheduled<Void>?

    init(
        connection: RedisConnection, channels: Set<String>, generation: Int,
        events: AsyncStream<RedisSubscriber.Event>.Continuation
    ) {
        self.connection = connection
        self.channels = channels
        self.generation = generation
        self.events = events
        self.unconfirmed = channels
    }

    func begin(confirmationDeadline: Duration, pingInterval: Duration) {
        connection.beginPush { self.receive($0) }
        connection.writePush(RedisCommand(["SUBSCRIBE"] + channels.map { .text($0) }))
        tick(after: TimeAmount(confirmationDeadline), then: TimeAmount(pingInterval))
        connection.closeFuture.assumeIsolated().whenComplete { _ in self.timer?.cancel() }
    }

    private func receive(_ reply: RedisReply) {
        heardSinceTick = true
        if case .error(let text) = reply { return connection.terminate(RedisError(reply: text, to: "SUBSCRIBE")) }
        guard case .array(let parts) = reply, case .bulk(let kind)? = parts.first else { return closeUnexpected() }
        switch (String(decoding: kind, as: UTF8.self), parts.dropFirst().first, parts.dropFirst(2).first) {
        case ("message", .bulk(let channel)?, .bulk(let payload)?):
            let message = RedisSubscriber.Event.message(
                channel: String(decoding: channel, as: UTF8.self), payload: payload)
            if case .dropped = events.yield(message) {
                connection.terminate(RedisError(.overloaded, "the reader of the subscription is too slow"))
            }
        case ("subscribe", .bulk(let channel)?, _):
            unconfirmed.remove(String(decoding: channel, as: UTF8.self))
            if unconfirmed.isEmpty { events.yield(.subscribed(generation: generation)) }
        case ("pong", _, _): break
        default: closeUnexpected()
        }
    }

    private func closeUnexpected() {
        connection.terminate(RedisError(.protocolViolation, "SUBSCRIBE: this is no subscription message"))
    }

    /// Asks for a sign of life, time and again. The first time, the confirmations must have come.
    private func tick(after delay: TimeAmount, then interval: TimeAmount) {
        timer = connection.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            guard self.heardSinceTick, self.unconfirmed.isEmpty else {
                let reason = RedisError(.unavailable, "Redis did not answer on the subscription's connection in time")
                return self.connection.terminate(reason)
            }
            self.heardSinceTick = false
            self.connection.writePush(["PING"])
            self.tick(after: interval, then: interval)
        }
    }
}
