// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An actor's executor that is one thread: the only place where its C handle is ever touched.
///
/// The thread starts with the first work and ends once `stop()` was called and all work is done. Work that comes later is not
/// lost: it gets a thread of its own, which ends with it. Where the system has no thread to give, the one that brings the
/// work runs it.
package final class ThreadExecutor: SerialExecutor {
    private enum Work {
        case job(UnownedJob)
        case block(@Sendable () -> Void)
    }

    private struct State {
        var work: [Work] = []
        var isRunning = false
        var isStopping = false
        var onExit: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let wakeup = DispatchSemaphore(value: 0)
    /// Who the thread is, for `checkIsolated`; 0 while there is none.
    private let thread = Atomic<UInt>(0)

    package init() {}

    /// An executor whose thread ends as soon as it has nothing to do.
    static func passing() -> ThreadExecutor {
        let executor = ThreadExecutor()
        executor.stop()
        return executor
    }

    package func enqueue(_ job: consuming ExecutorJob) { append(.job(UnownedJob(job))) }

    /// Starts the thread ahead of the first work.
    /// - Throws: `.unavailable` if the system has no thread to give.
    package func start() throws(PostgresError) {
        let mustStart = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard mustStart, let status = makeThread() else { return }
        state.withLock { $0.isRunning = false }
        throw PostgresError(.unavailable, "no thread for a connection: errno \(status)")
    }

    /// Runs a block on the thread, in order with the actor's jobs.
    package func execute(_ block: @escaping @Sendable () -> Void) { append(.block(block)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() {
        precondition(thread.load(ordering: .acquiring) == Self.currentThread, "not on this connection's thread")
    }

    /// Ends the thread after the work that it has.
    /// - Parameter onExit: called by the thread as the last thing it does; at once if there is none.
    package func stop(onExit: (@Sendable () -> Void)? = nil) {
        let isRunning = state.withLock { state in
            state.isStopping = true
            if state.isRunning, let onExit { state.onExit.append(onExit) }
            return state.isRunning
        }
        if isRunning { wakeup.signal() } else { onExit?() }
    }

    private func append(_ work: Work) {
        let mustStart = state.withLock { state in
            state.work.append(work)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard mustStart else {
            wakeup.signal()
            return
        }
        if makeThread() != nil { run(untilIdle: true) }
    }

    /// - Returns: nil, or the errno.
    private func makeThread() -> Int32? {
        let body = Unmanaged.passRetained(self)
        #if canImport(Darwin)
            var handle: pthread_t?
        #else
            var handle = pthread_t()
        #endif
        let status = pthread_create(&handle, nil, threadMain, body.toOpaque())
        guard status == 0 else {
            body.release()
            return status
        }
        #if canImport(Darwin)
            if let handle { pthread_detach(handle) }
        #else
            pthread_detach(handle)
        #endif
        return nil
    }

    fileprivate func run(untilIdle: Bool = false) {
        thread.store(Self.currentThread, ordering: .releasing)
        while let work = takeWork(untilIdle) {
            if work.isEmpty { wakeup.wait() }
            for item in work {
                switch item {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .block(let block): block()
                }
            }
        }
    }

    /// All that waits; nil when the thread is to end, decided under the lock so that nothing is left behind.
    private func takeWork(_ untilIdle: Bool) -> [Work]? {
        let (work, onExit) = state.withLock { state -> ([Work]?, [@Sendable () -> Void]) in
            guard state.work.isEmpty else {
                defer { state.work = [] }
                return (state.work, [])
            }
            guard state.isStopping || untilIdle else { return ([], []) }
            state.isRunning = false
            thread.store(0, ordering: .releasing)
            defer { state.onExit = [] }
            return (nil, state.onExit)
        }
        for action in onExit { action() }
        return work
    }

    private static var currentThread: UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}

#if canImport(Darwin)
    private func threadMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<ThreadExecutor>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }
#else
    private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        Unmanaged<ThreadExecutor>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }
#endif
