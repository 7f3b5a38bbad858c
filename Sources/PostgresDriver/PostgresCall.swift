// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One call of one caller: until when it may take, and whether it is still wanted.
final class PostgresCall: Sendable {
    let deadline: ContinuousClock.Instant
    private let cancellation: Cancellation
    private let wakeup: WakePipe

    convenience init(deadline: ContinuousClock.Instant, wakeup: WakePipe) {
        self.init(deadline, Cancellation(), wakeup)
    }

    private init(_ deadline: ContinuousClock.Instant, _ cancellation: Cancellation, _ wakeup: WakePipe) {
        self.deadline = deadline
        self.cancellation = cancellation
        self.wakeup = wakeup
    }

    var isCancelled: Bool { cancellation.isRequested.load(ordering: .acquiring) }

    /// A part of this call, which ends no later and is cancelled with it.
    func limited(to deadline: ContinuousClock.Instant) -> PostgresCall {
        PostgresCall(min(deadline, self.deadline), cancellation, wakeup)
    }

    /// Does not block: the connection's thread does what there is to do.
    func cancel() {
        cancellation.isRequested.store(true, ordering: .releasing)
        wakeup.wake()
    }

    /// To be asked before anything is sent, while giving up is still free.
    func check() throws(PostgresError) {
        if isCancelled { throw PostgresError(.cancelled, "cancelled before the statement was sent") }
        if ContinuousClock.now >= deadline {
            throw PostgresError(.deadlineExceeded, "the deadline passed before the statement was sent")
        }
    }

    private final class Cancellation: Sendable {
        let isRequested = Atomic(false)
    }
}

extension ContinuousClock.Instant {
    /// A deadline from now on; at most a day, so that an absurd duration cannot trap.
    static func after(_ duration: Duration) -> ContinuousClock.Instant {
        ContinuousClock.now + min(max(duration, .zero), .seconds(86_400))
    }
}
