// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Calls back at given times, from one thread that the process shares and that lives only while an alarm is set.
///
/// Not a task that sleeps: handlers may hog the cooperative pool for minutes, and a deadline must pass all the same.
final class DeadlineTimer: Sendable {
    static let shared = DeadlineTimer()

    private struct Alarm {
        let time: ContinuousClock.Instant
        let action: @Sendable () -> Void
    }

    private struct State {
        var alarms: [ObjectIdentifier: Alarm] = [:]
        var isRunning = false
    }

    private let state = Mutex(State())
    private let wakeup = DispatchSemaphore(value: 0)

    /// Sets the one alarm of `owner`, in place of an earlier one.
    /// - Parameter action: runs on the shared thread, so it must not block.
    func set(for owner: AnyObject, at time: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            state.alarms[ObjectIdentifier(owner)] = Alarm(time: time, action: action)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard mustStart else {
            wakeup.signal()
            return
        }
        ThreadExecutor.passing().execute { self.run() }
    }

    func clear(for owner: AnyObject) {
        state.withLock { $0.alarms[ObjectIdentifier(owner)] = nil }
        wakeup.signal()
    }

    private func run() {
        while true {
            let now = ContinuousClock.now
            let (due, next) = state.withLock { state in
                let due = state.alarms.filter { $0.value.time <= now }
                for owner in due.keys { state.alarms[owner] = nil }
                let next = state.alarms.values.map(\.time).min()
                // Decided under the lock, so that no alarm is set on a thread that is about to end.
                state.isRunning = next != nil || !due.isEmpty
                return (due.values, next)
            }
            for alarm in due { alarm.action() }
            guard due.isEmpty else { continue }
            guard let next else { return }
            let left = now.duration(to: next).components
            let milliseconds = Int(min(left.seconds, 3600)) * 1000 + Int(left.attoseconds / 1_000_000_000_000_000) + 1
            _ = wakeup.wait(timeout: .now() + .milliseconds(milliseconds))
        }
    }
}
