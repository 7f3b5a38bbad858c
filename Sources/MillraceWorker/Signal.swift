// SPDX-License-Identifier: Apache-2.0

/// A flag that tasks on one actor wait for; raising it wakes them all.
///
/// It belongs to an actor, as its state, and is only touched there.
struct Signal {
    private var waiting: [CheckedContinuation<Void, Never>] = []

    mutating func add(_ continuation: CheckedContinuation<Void, Never>) {
        waiting.append(continuation)
    }

    mutating func raise() {
        let woken = waiting
        waiting = []
        for continuation in woken { continuation.resume() }
    }
}
