// SPDX-License-Identifier: Apache-2.0

package import Testing

/// Waits until a condition holds, looking every few milliseconds: for what cannot be waited on by a signal.
///
/// This file is the one place where a test may sleep. It records an issue, and returns false, when the deadline passes first.
@discardableResult
package func eventually(
    within limit: Duration = .seconds(10), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    var pause: Duration = .milliseconds(1)
    while true {
        if try await condition() { return true }
        if ContinuousClock.now >= deadline || Task.isCancelled {
            Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
            return false
        }
        // A cancelled sleep ends at once; the line above then ends the loop.
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(50))
    }
}

/// Looks for a while whether a condition holds throughout: for what should *not* happen. A slow machine may miss it, and never
/// fails for its slowness.
package func lastingly(
    for duration: Duration, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async rethrows {
    let end = ContinuousClock.now + duration
    while ContinuousClock.now < end, !Task.isCancelled {
        guard try await condition() else {
            Issue.record("not throughout \(duration): \(what)", sourceLocation: sourceLocation)
            return
        }
        // A cancelled sleep ends at once, and so does the loop.
        try? await Task.sleep(for: .milliseconds(5))
    }
}
