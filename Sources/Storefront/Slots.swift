// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bounds how many requests of a kind are under way at a time.
final class Slots: Sendable {
    private let used = Mutex(0)
    private let limit: Int

    init(_ limit: Int) {
        self.limit = limit
    }

    /// False when all are taken; else one belongs to the caller until it gives it back.
    func take() -> Bool {
        used.withLock { used in
            guard used < limit else { return false }
            used += 1
            return true
        }
    }

    func giveBack() {
        used.withLock { $0 -= 1 }
    }
}
