// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Ends waits for the stores at their deadlines.
///
/// Every request needs a deadline or two, and nearly none is reached. A sleeping task for each cost a fifth of a
/// submission's processor time, so one timer on an event loop looks at all of them, 20 times a second; none is up later
/// than that. An event loop also goes on when the cooperative pool is busy.
final class DeadlineKeeper: Sendable {
    private struct Entry {
        let deadline: ContinuousClock.Instant
        /// Gone once the wait is over.
        weak var race: (any Expiring)?
    }

    private static let tick: TimeAmount = .milliseconds(50)

    private let entries = Mutex<[Entry]>([])

    init(on eventLoop: any EventLoop) {
        eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { [weak self] task in
            if let self { self.expire(at: .now) } else { task.cancel() }
        }
    }

    /// Waits for an operation, but no longer than a limit; nil when the limit came first.
    ///
    /// The operation is cancelled then, but not waited for: a store that is slow to give up must not hold back the
    /// answer.
    func within<Value: Sendable>(
        _ limit: Duration, _ operation: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let race = Race<Value>()
        entries.withLock { $0.append(Entry(deadline: .now + limit, race: race)) }
        // It may outlive the caller, as said above; the store's own deadline ends it.
        let runner = Task { race.finish(await operation()) }
        let result = await withTaskCancellationHandler {
            await race.result()
        } onCancel: {
            race.expire()
        }
        if result == nil { runner.cancel() }
        return result
    }

    private func expire(at now: ContinuousClock.Instant) {
        let expired = entries.withLock { entries in
            let expired = entries.filter { $0.deadline <= now }.compactMap(\.race)
            entries.removeAll { $0.deadline <= now || $0.race == nil }
            return expired
        }
        for race in expired { race.expire() }
    }
}

/// What can end without a result.
private protocol Expiring: AnyObject, Sendable {
    func expire()
}

/// Holds what came first: the value, or the end of patience.
private final class Race<Value: Sendable>: Expiring {
    private enum State {
        case running(CheckedContinuation<Value?, Never>?)
        case finished(Value?)
    }

    private let state = Mutex(State.running(nil))

    func expire() {
        finish(nil)
    }

    func finish(_ value: Value?) {
        let waiting: CheckedContinuation<Value?, Never>? = state.withLock { state in
            guard case .running(let continuation) = state else { return nil }
            state = .finished(value)
            return continuation
        }
        waiting?.resume(returning: value)
    }

    /// Called once.
    func result() async -> Value? {
        await withCheckedContinuation { continuation in
            let finished: Value?? = state.withLock { state in
                if case .finished(let value) = state { return .some(value) }
                state = .running(continuation)
                return .none
            }
            if let finished { continuation.resume(returning: finished) }
        }
    }
}
