// SPDX-License-Identifier: Apache-2.0

package import Testing

/// Waits until a condition holds, looking every few milliseconds: for what cannot be waited on by a signal.
///
/// This is the one place where a test may sleep. It records an issue, and returns false, when the deadline passes first.
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
