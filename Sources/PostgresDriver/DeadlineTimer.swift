// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

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
    /// nil where no descriptor was left: then the thread looks at its alarms a hundred times a second.
    private let wakeup = try? WakePipe()
    private static let blindMilliseconds = 10

    /// Sets the one alarm of `owner`, in place of an earlier one.
    /// - Parameter action: runs on the shared thread, so it must not block.
    func set(for owner: AnyObject, at time: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            state.alarms[ObjectIdentifier(owner)] = Alarm(time: time, action: action)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard mustStart else {
            wakeup?.wake()
            return
        }
        ThreadExecutor.passing().execute { self.run() }
    }

    func clear(for owner: AnyObject) {
        state.withLock { $0.alarms[ObjectIdentifier(owner)] = nil }
        wakeup?.wake()
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
            wait(milliseconds)
        }
    }

    /// By `poll`, whose time only counts on. A semaphore of Dispatch waits for a time of the wall clock on Linux: where that is set
    /// back, all deadlines would wait for as long.
    private func wait(_ milliseconds: Int) {
        guard let wakeup else {
            _ = poll(nil, 0, Int32(min(milliseconds, Self.blindMilliseconds)))
            return
        }
        var descriptor = pollfd(fd: wakeup.readEnd, events: Int16(POLLIN), revents: 0)
        _ = poll(&descriptor, 1, Int32(clamping: milliseconds))
        wakeup.drain()
    }
}
