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
    /// Whole milliseconds, rounded up, saturating: no deadline, lease or delay is shorter than was asked for, or becomes none.
    public var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        // The remainder has the sign of the seconds, and division goes toward zero.
        let (part, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
        return whole.addingReportingOverflow(part + (rest > 0 ? 1 : 0)).partialValue
    }
}
