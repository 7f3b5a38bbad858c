// SPDX-License-Identifier: Apache-2.0

/// The delay before a job's next attempt: doubling from a base up to a limit, with full jitter, so that jobs that failed together
/// do not come back together.
public struct Backoff: Sendable, Equatable {
    /// Before jitter, after the first failure. Default 2 s.
    public var base: Duration
    /// Default 1 h.
    public var limit: Duration

    public init(base: Duration = Limits.backoffBase, limit: Duration = Limits.backoffMax) {
        self.base = base
        self.limit = limit
    }

    /// A random time between a quarter second and `base` × 2^(failures − 1), at most `limit`.
    ///
    /// - Parameter failures: counted with the one that just happened, 1 or more.
    public func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let doublings = max(0, min(failures - 1, 40))
        let base = max(1, base.milliseconds)
        let (scaled, overflow) = base.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let ceiling = max(250, min(overflow ? .max : scaled, limit.milliseconds))
        return .milliseconds(Int64.random(in: 250...ceiling, using: &generator))
    }
}
