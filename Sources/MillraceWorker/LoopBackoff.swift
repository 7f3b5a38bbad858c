// SPDX-License-Identifier: Apache-2.0

/// The pause of a loop after a failure: full jitter, doubling from 50 ms up to 1 s, so that a store that comes back is found
/// soon and not by all processes at once.
struct LoopBackoff {
    private var ceilingMilliseconds: Int64 = 50

    mutating func next() -> Duration {
        defer { ceilingMilliseconds = min(1000, ceilingMilliseconds * 2) }
        return .milliseconds(Int64.random(in: 20...ceilingMilliseconds))
    }

    mutating func reset() {
        ceilingMilliseconds = 50
    }
}
