// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Whether a client has its connection.
package enum RedisConnectionState: Hashable, Sendable {
    /// The first attempt is under way, or has not begun.
    case connecting
    /// `generation` counts the client's connections from 1: another number means that Redis may have lost or forgotten
    /// things.
    case connected(generation: Int)
    /// Attempts go on. The error says why the connection ended or the attempt failed.
    case disconnected(RedisError)
}

extension RedisClient {
    /// Those who want to know of changes. Touched on the event loop only.
    struct Observers {
        var nextID = 0
        var byID: [Int: @Sendable (RedisConnectionState) -> Void] = [:]
        var lastState = RedisConnectionState.connecting
    }

    /// The present state, then every change. A slow reader keeps the newest 16. Ends when the task that reads it is
    /// cancelled.
    package func states() -> AsyncStream<RedisConnectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: RedisConnectionState.self, bufferingPolicy: .bufferingNewest(16))
        let id = eventLoop.submit { self.addObserver { continuation.yield($0) } }
        continuation.onTermination = { [weak self] _ in
            id.whenSuccess { [weak self] in self?.observers.value.byID[$0] = nil }
        }
        return stream
    }

    /// Calls `body` on the event loop with the present state and with every change, for the client's life.
    package func onStateChange(_ body: @escaping @Sendable (RedisConnectionState) -> Void) {
        eventLoop.execute { _ = self.addObserver(body) }
    }

    private func addObserver(_ body: @escaping @Sendable (RedisConnectionState) -> Void) -> Int {
        let id = observers.value.nextID
        observers.value.nextID += 1
        observers.value.byID[id] = body
        body(observers.value.lastState)
        return id
    }

    func tell(_ state: RedisConnectionState) {
        observers.value.lastState = state
        for body in observers.value.byID.values { body(state) }
    }
}
