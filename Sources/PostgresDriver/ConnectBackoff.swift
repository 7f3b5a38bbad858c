// SPDX-License-Identifier: Apache-2.0

/// When the next attempt to connect may be made: full jitter, so that processes that lost their server together do not come
/// back together.
struct ConnectBackoff: Sendable {
    /// The ceiling of the first delay; it doubles with each failure.
    static let initialCeiling: Duration = .milliseconds(50)
    static let ceilingMax: Duration = .seconds(1)

    /// In a row.
    private(set) var failures = 0
    private(set) var lastError: PostgresError?
    private var ceiling = ConnectBackoff.initialCeiling
    private var retryAt: ContinuousClock.Instant?

    func isWaiting(at now: ContinuousClock.Instant) -> Bool { retryAt.map { now < $0 } ?? false }

    mutating func fail(
        _ error: PostgresError, at now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) {
        failures += 1
        lastError = error
        retryAt = now + ceiling * Double.random(in: 0...1, using: &generator)
        ceiling = min(ceiling * 2, Self.ceilingMax)
    }

    mutating func succeed() { self = ConnectBackoff() }
}
