// SPDX-License-Identifier: Apache-2.0

/// Lets a fault last, or a load keep its rate.
func pause(for duration: Duration) async {
    try? await Task.sleep(for: duration)
}

/// Polls a condition until it holds or the time is over; whether it held.
func eventually(
    within timeout: Duration, every pause: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + timeout
    while true {
        if try await condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        try? await Task.sleep(for: pause)
    }
}
