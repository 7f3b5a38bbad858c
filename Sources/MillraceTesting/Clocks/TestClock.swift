// SPDX-License-Identifier: Apache-2.0

public import Millrace
import Synchronization

/// A clock that stands still until a test moves it.
///
/// It is both the clock of a memory store and a `Clock` for parts that sleep. It can be set back, as a server's clock can: sleepers
/// wait for their own instant all the same.
public final class TestClock: StoreClock, Clock {
    public struct Instant: InstantProtocol {
        public var timestamp: Timestamp

        public func advanced(by duration: Duration) -> Instant { Instant(timestamp: timestamp + duration) }
        public func duration(to other: Instant) -> Duration { other.timestamp - timestamp }
        public static func < (left: Instant, right: Instant) -> Bool { left.timestamp < right.timestamp }
    }

    private struct Sleeper {
        let number: UInt64
        let end: Timestamp
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var timestamp: Timestamp
        var sleepers: [Sleeper] = []
        var lastNumber: UInt64 = 0
    }

    private let state: Mutex<State>

    /// - Parameter start: default 2026-01-01T00:00:00Z.
    public init(start: Timestamp = Timestamp(unixMilliseconds: 1_767_225_600_000)) {
        state = Mutex(State(timestamp: start))
    }

    public var timestamp: Timestamp { state.withLock { $0.timestamp } }

    public var now: Instant { Instant(timestamp: timestamp) }

    public var minimumResolution: Duration { .milliseconds(1) }

    /// How many tasks sleep on this clock: a test waits for them before it moves the clock.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock, and wakes whoever has slept long enough.
    public func advance(by duration: Duration) {
        change { $0 + duration }
    }

    /// Sets the clock, back too.
    public func set(to timestamp: Timestamp) {
        change { _ in timestamp }
    }

    public func sleep(for duration: Duration) async throws {
        try await sleep(until: now.advanced(by: duration), tolerance: nil)
    }

    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.timestamp >= deadline.timestamp { return .success(()) }
                    state.sleepers.append(Sleeper(number: number, end: deadline.timestamp, continuation: continuation))
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.sleepers.firstIndex { $0.number == number }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    private func change(_ newTime: (Timestamp) -> Timestamp) {
        let woken = state.withLock { state in
            let timestamp = newTime(state.timestamp)
            state.timestamp = timestamp
            let woken = state.sleepers.filter { $0.end <= timestamp }
            state.sleepers.removeAll { $0.end <= timestamp }
            return woken
        }
        for sleeper in woken.sorted(by: { $0.end < $1.end }) { sleeper.continuation.resume() }
    }
}
