// SPDX-License-Identifier: Apache-2.0

/// How long to wait before the next attempt to connect: full jitter, so that workers that lost their Redis together do
/// not come back together.
struct ReconnectBackoff: Sendable {
    /// The ceiling of the first delay; it doubles with each attempt.
    static let initialCeiling: Duration = .milliseconds(50)
    static let ceilingMax: Duration = .seconds(1)

    private var ceiling = ReconnectBackoff.initialCeiling

    /// A delay between zero and the present ceiling.
    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let fraction = Double.random(in: 0...1, using: &generator)
        defer { ceiling = min(ceiling * 2, Self.ceilingMax) }
        return ceiling * fraction
    }

    mutating func reset() { ceiling = Self.initialCeiling }
}
