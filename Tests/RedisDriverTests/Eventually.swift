// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Waits until `condition` holds.
func eventually(
    within limit: Duration = .seconds(10), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < end, what, sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Waits on this very thread until `condition` holds: for tests in which Swift's own threads are all taken.
func blockUntil(within seconds: Double = 5, _ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !condition(), ContinuousClock.now < end { usleep(1000) }
    return condition()
}
