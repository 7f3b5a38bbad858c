// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Waits for an operation, but no longer than a limit; nil when the limit came first.
///
/// The operation is cancelled then, but not waited for: a store that is slow to give up must not hold back the answer.
func within<Value: Sendable>(
    _ limit: Duration, _ operation: @escaping @Sendable () async -> Value
) async -> Value? {
    let race = Race<Value>()
    // It may outlive the caller, as said above; the store's own deadline ends it.
    let runner = Task { race.finish(await operation()) }
    // Ends with the race.
    let timer = Task {
        try? await Task.sleep(for: limit)
        race.finish(nil)
    }
    defer {
        runner.cancel()
        timer.cancel()
    }
    return await withTaskCancellationHandler {
        await race.result()
    } onCancel: {
        race.finish(nil)
    }
}

/// Holds what came first.
private final class Race<Value: Sendable>: Sendable {
    private enum State {
        case running(CheckedContinuation<Value?, Never>?)
        case finished(Value?)
    }

    private let state = Mutex(State.running(nil))

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
