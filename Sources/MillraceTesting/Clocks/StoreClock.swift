// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import Millrace

/// What a memory store takes for "the store's own clock".
public protocol StoreClock: Sendable {
    var timestamp: Timestamp { get }

    /// Returns after the duration by this clock, or throws when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's clock.
public struct SystemClock: StoreClock {
    public init() {}

    public var timestamp: Timestamp { .now() }

    public func sleep(for duration: Duration) async throws {
        try await ContinuousClock().sleep(for: duration)
    }
}
