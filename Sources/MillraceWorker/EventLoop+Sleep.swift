// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

extension EventLoop {
    /// Waits on this event loop, which handlers that hog the cooperative pool cannot hold up; returns early when cancelled.
    func sleep(for duration: Duration, isolation: isolated (any Actor)? = #isolation) async {
        let sleeper = Sleeper()
        await withTaskCancellationHandler {
            // Only a closure that captures the isolation stays on the caller's executor.
            _ = isolation
            await withCheckedContinuation { continuation in
                guard sleeper.start(continuation) else { return }
                let scheduled = scheduleTask(in: TimeAmount(max(duration, .zero))) { sleeper.wake() }
                sleeper.setScheduled(scheduled)
            }
        } onCancel: {
            sleeper.wake()
        }
    }
}

/// Resumes one continuation once, by whichever comes first: the time or the cancellation.
private final class Sleeper: Sendable {
    private enum State {
        case idle
        case sleeping(CheckedContinuation<Void, Never>, Scheduled<Void>?)
        case woken
    }

    private let state = Mutex(State.idle)

    /// False when it was woken before it slept; then the continuation has been resumed.
    func start(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        let isAsleep = state.withLock { state in
            if case .woken = state { return false }
            state = .sleeping(continuation, nil)
            return true
        }
        if !isAsleep { continuation.resume() }
        return isAsleep
    }

    func setScheduled(_ scheduled: Scheduled<Void>) {
        let isLate = state.withLock { state in
            guard case .sleeping(let continuation, _) = state else { return true }
            state = .sleeping(continuation, scheduled)
            return false
        }
        if isLate { scheduled.cancel() }
    }

    func wake() {
        let before = state.withLock { state in
            defer { state = .woken }
            return state
        }
        guard case .sleeping(let continuation, let scheduled) = before else { return }
        scheduled?.cancel()
        continuation.resume()
    }
}
