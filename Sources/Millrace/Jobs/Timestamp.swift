// SPDX-License-Identifier: Apache-2.0

/// A point in time in Unix milliseconds: the one precision that Redis, the ledger and the API share.
public struct Timestamp: Hashable, Comparable, Sendable {
    public var unixMilliseconds: Int64

    public init(unixMilliseconds: Int64) {
        self.unixMilliseconds = unixMilliseconds
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.unixMilliseconds < right.unixMilliseconds
    }

    /// Saturates at the ends of the range, so that an absurd duration cannot trap.
    public static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.unixMilliseconds.addingReportingOverflow(duration.milliseconds)
        guard overflow else { return Timestamp(unixMilliseconds: sum) }
        return Timestamp(unixMilliseconds: duration < .zero ? .min : .max)
    }

    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        .milliseconds(left.unixMilliseconds.subtractingReportingOverflow(right.unixMilliseconds).partialValue)
    }
}

extension Duration {
    /// Whole milliseconds, rounded down, saturating.
    public var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        return whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue
    }
}
