// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Events that a part under test signals and a test waits for, in the order of their coming.
///
/// Each event is given to one waiter; those that nobody waits for yet are kept.
public final class TestSignal<Event: Sendable>: Sendable {
    /// No event came in time.
    public struct TimedOut: Error, CustomStringConvertible {
        public let limit: Duration

        public var description: String { "no event within \(limit)" }
    }

    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Event?, Never>
    }

    private struct State {
        var events: [Event] = []
        var waiters: [Waiter] = []
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    public init() {}

    public func signal(_ event: Event) {
        let waiter: Waiter? = state.withLock { state in
            guard !state.waiters.isEmpty else {
                state.events.append(event)
                return nil
            }
            return state.waiters.removeFirst()
        }
        waiter?.continuation.resume(returning: event)
    }

    /// The next event.
    /// - Throws: ``TimedOut`` when none came within the limit of real time; `CancellationError`.
    public func next(within limit: Duration = .seconds(10)) async throws -> Event {
        let event = try await withThrowingTaskGroup(of: Event?.self) { group in
            group.addTask { await self.take() }
            group.addTask {
                try await ContinuousClock().sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let event else {
            try Task.checkCancellation()
            throw TimedOut(limit: limit)
        }
        return event
    }

    /// The next `count` events.
    public func next(_ count: Int, within limit: Duration = .seconds(10)) async throws -> [Event] {
        let deadline = ContinuousClock.now + limit
        var events: [Event] = []
        while events.count < count { try await events.append(next(within: deadline - .now)) }
        return events
    }

    /// Events that nobody has waited for yet.
    public var waitingEvents: [Event] { state.withLock { $0.events } }

    private func take() async -> Event? {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Event?, Never>) in
                let isAnswered: (Bool, Event?) = state.withLock { state in
                    if Task.isCancelled { return (true, nil) }
                    if !state.events.isEmpty { return (true, state.events.removeFirst()) }
                    state.waiters.append(Waiter(number: number, continuation: continuation))
                    return (false, nil)
                }
                if isAnswered.0 { continuation.resume(returning: isAnswered.1) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }
}

extension TestSignal where Event == Void {
    public func signal() { signal(()) }
}
