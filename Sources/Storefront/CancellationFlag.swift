// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Whether a task was cancelled, as its own thread can ask while it blocks.
final class CancellationFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() {
        flag.store(true, ordering: .releasing)
    }
}
