// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A value that one caller awaits without passing through the cooperative pool.
///
/// A continuation would do, but whatever executor its caller is on, the runtime first puts a resumed one on the cooperative
/// pool, from where it goes on to the caller's executor; while handlers hog the pool it stays there (measured with Swift 6.3:
/// as long as they ran). A change from one actor to another takes no such detour. So the caller awaits a method of this actor,
/// whose executor is a gate: it keeps the caller's job until there is a value, and lets a given thread run it.
actor Handover<Value: Sendable> {
    nonisolated var unownedExecutor: UnownedSerialExecutor { gate.asUnownedSerialExecutor() }

    private nonisolated let gate = Gate()
    private nonisolated let value = Mutex<Value?>(nil)

    /// To be called once. Not inlined, as the optimizer drops a change of executor that nothing seems to need.
    @inline(never)
    func take() -> Value {
        guard let value = value.withLock({ $0 }) else { preconditionFailure("taken before it was given") }
        return value
    }

    /// To be called once.
    /// - Parameter thread: carries the caller's job, which goes on to the caller's own executor from there.
    nonisolated func give(_ value: Value, on thread: ThreadExecutor) {
        self.value.withLock { $0 = value }
        gate.open(on: thread)
    }

    private final class Gate: SerialExecutor {
        private enum State {
            case closed([UnownedJob])
            case open(ThreadExecutor)
        }

        private let state = Mutex(State.closed([]))

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            let thread = state.withLock { state -> ThreadExecutor? in
                switch state {
                case .open(let thread): return thread
                case .closed(let jobs):
                    state = .closed(jobs + [job])
                    return nil
                }
            }
            if let thread { run(job, on: thread) }
        }

        func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

        func open(on thread: ThreadExecutor) {
            let jobs = state.withLock { state -> [UnownedJob] in
                guard case .closed(let jobs) = state else { return [] }
                state = .open(thread)
                return jobs
            }
            for job in jobs { run(job, on: thread) }
        }

        private func run(_ job: UnownedJob, on thread: ThreadExecutor) {
            thread.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        }
    }
}
