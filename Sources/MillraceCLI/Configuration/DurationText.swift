// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// Durations as messages and tables show them; `Duration.init(text:)` reads them.
enum DurationText {
    static let expectation = "whole numbers with a unit out of d, h, m, s, ms, such as 25s"

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
    ]

    /// In the largest unit of which there are two or more, rounded down: 1.5 s are `1s`, 100 minutes are `100m`.
    static func rounded(_ duration: Duration) -> String {
        let milliseconds = max(0, duration.milliseconds)
        guard milliseconds >= 1000 else { return "\(milliseconds)ms" }
        let unit = units.first { milliseconds >= 2 * $0.milliseconds } ?? units[3]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
