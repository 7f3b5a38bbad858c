// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Synchronization

/// Tasks that compute on as many threads as Swift has, until they are told to end, or for 5 s.
package final class Hogs: Sendable {
    private let running = Atomic(0)
    private let isEnding = Atomic(false)
    private let gaveUp = Atomic(false)

    package init() {}

    /// Whether a hog ended by itself, since nobody told it to.
    package var haveGivenUp: Bool { gaveUp.load(ordering: .relaxed) }

    /// Returns when all threads compute.
    package func occupyAllThreads() {
        let count = ProcessInfo.processInfo.activeProcessorCount
        let end = ContinuousClock.now + .seconds(5)
        for _ in 0..<count {
            // Blocks a thread, which no child of the caller may do.
            Task.detached { [self] in
                running.add(1, ordering: .relaxed)
                while !isEnding.load(ordering: .relaxed) {
                    if ContinuousClock.now >= end { return gaveUp.store(true, ordering: .relaxed) }
                }
            }
        }
        while running.load(ordering: .relaxed) < count, ContinuousClock.now < end {}
    }

    package func end() { isEnding.store(true, ordering: .relaxed) }
}
