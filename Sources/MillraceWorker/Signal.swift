// SPDX-License-Identifier: Apache-2.0

/// A flag that tasks on one actor wait for; raising it wakes them all.
///
/// It belongs to an actor, as its state, and is only touched there.
struct Signal {
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Waits, unless what is waited for is there already.
    ///
    /// The condition is looked at here, in the same step as the continuation is kept: the actor may have been left between the
    /// caller's own look and the suspension, and a wake-up would be lost.
    mutating func add(_ continuation: CheckedContinuation<Void, Never>, unless isThere: Bool) {
        if isThere { continuation.resume() } else { waiting.append(continuation) }
    }

    mutating func raise() {
        let woken = waiting
        waiting = []
        for continuation in woken { continuation.resume() }
    }
}
