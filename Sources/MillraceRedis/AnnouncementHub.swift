// SPDX-License-Identifier: Apache-2.0

import Logging
public import Millrace
import NIOCore
import RedisDriver
import Synchronization

/// One subscription that all listeners of this process share. It begins with the first listener and ends with the last.
///
/// Each listener has a buffer of its own. When one is full the oldest announcement in it is dropped and `.resubscribed` follows, as
/// it does when Redis was away: a gap is always told.
final class AnnouncementHub: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Announcement>.Continuation] = [:]
        var lastListener = 0
        /// Ends when nothing refers to it any more.
        var subscriber: RedisSubscriber?
        /// Tells events of the present subscription from those of one before.
        var subscription = 0
        var isConfirmed = false
        var isShutDown = false
    }

    static let bufferedMax = 4096

    private let configuration: RedisConfiguration
    private let keys: KeySpace
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: RedisConfiguration, keys: KeySpace, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.keys = keys
        self.eventLoop = eventLoop
        self.logger = logger
    }

    func announcements() -> AsyncStream<Announcement> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Announcement.self, bufferingPolicy: .bufferingNewest(Self.bufferedMax))
        let added: (number: Int, isConfirmed: Bool, isSubscribing: Bool)? = state.withLock { state in
            if state.isShutDown { return nil }
            state.lastListener += 1
            state.listeners[state.lastListener] = continuation
            return (state.lastListener, state.isConfirmed, state.subscriber != nil)
        }
        guard let added else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(added.number) }
        if added.isConfirmed { continuation.yield(.resubscribed) }
        if !added.isSubscribing { subscribe() }
        return stream
    }

    func shutdown() {
        let listeners = state.withLock { state in
            state.isShutDown = true
            return Array(state.listeners.values)
        }
        // Each is removed by that, and the subscription with the last.
        for listener in listeners { listener.finish() }
    }

    private func remove(_ number: Int) {
        // Released outside of the lock: its end calls back.
        let unused: RedisSubscriber? = state.withLock { state in
            state.listeners[number] = nil
            guard state.listeners.isEmpty else { return nil }
            defer { state.subscriber = nil }
            state.isConfirmed = false
            state.subscription += 1
            return state.subscriber
        }
        withExtendedLifetime(unused) {}
    }

    private func subscribe() {
        let subscriber: RedisSubscriber
        do throws(RedisError) {
            subscriber = try RedisSubscriber(
                configuration, channels: [keys.finished, keys.cancelled], bufferedEventsMax: Self.bufferedMax,
                eventLoop: eventLoop, logger: logger)
        } catch {
            // The clients were made of the same configuration, so a certificate file has changed since.
            logger.error("no announcements, Redis's certificates cannot be used", metadata: [.error: "\(error)"])
            return
        }
        let subscription: Int? = state.withLock { state in
            guard !state.isShutDown, !state.listeners.isEmpty, state.subscriber == nil else { return nil }
            state.subscription += 1
            state.subscriber = subscriber
            return state.subscription
        }
        guard let subscription else { return }
        let events = subscriber.events
        subscriber.start()
        let executor = DelegatingTaskExecutor { [eventLoop] in eventLoop.execute($0) }
        // Reads for all listeners, whoever came first, and ends with the subscription; on the event loop, since a reader on
        // Swift's threads would wait behind handlers that compute.
        Task(executorPreference: executor) { [weak self] in
            for await event in events { self?.handle(event, of: subscription) }
        }
    }

    private func handle(_ event: RedisSubscriber.Event, of subscription: Int) {
        let news: (announcement: Announcement, listeners: [AsyncStream<Announcement>.Continuation])?
        news = state.withLock { state in
            guard state.subscription == subscription, let announcement = announcement(of: event, &state) else {
                return nil
            }
            return (announcement, Array(state.listeners.values))
        }
        guard let news else { return }
        for listener in news.listeners {
            if case .dropped = listener.yield(news.announcement) { listener.yield(.resubscribed) }
        }
    }

    private func announcement(of event: RedisSubscriber.Event, _ state: inout State) -> Announcement? {
        switch event {
        case .subscribed:
            state.isConfirmed = true
            return .resubscribed
        case .interrupted:
            state.isConfirmed = false
            return nil
        case .message(channel: keys.cancelled, let payload):
            return JobID(bytes: payload.prefix(16)).map { .cancelled($0, LeaseToken(bytes: payload.dropFirst(16))) }
        case .message(_, let payload):
            let ids = stride(from: 0, to: payload.count, by: 16).compactMap { JobID(bytes: payload[$0...].prefix(16)) }
            return .finished(ids)
        }
    }
}

extension RedisBroker {
    public func announcements() -> AsyncStream<Announcement> { hub.announcements() }
}
