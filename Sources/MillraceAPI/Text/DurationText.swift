// SPDX-License-Identifier: Apache-2.0

import Millrace

extension Duration {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads `20s`, `1m30s`, `250ms`, `2h` or `1d`: whole numbers with their units, the larger ones first; nil for
    /// anything else.
    package init?(text: String) {
        var rest = text.utf8[...]
        var units = Self.units[...]
        var milliseconds: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix(while: { 0x30...0x39 ~= $0 })
            rest = rest[digits.endIndex...]
            let name = rest.prefix(while: { 0x61...0x7A ~= $0 })
            rest = rest[name.endIndex...]
            guard let number = Int64(String(Substring(digits))),
                let unit = units.firstIndex(where: { $0.name.utf8.elementsEqual(name) })
            else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, overflowOfSum) = milliseconds.addingReportingOverflow(product)
            guard !overflow, !overflowOfSum else { return nil }
            milliseconds = sum
            units = units[(unit + 1)...]
        }
        self = .milliseconds(milliseconds)
    }

    /// As `init(text:)` reads it, in whole milliseconds.
    package var text: String {
        var rest = max(0, milliseconds)
        guard rest > 0 else { return "0s" }
        return Self.units.reduce(into: "") { text, unit in
            if rest >= unit.milliseconds { text += "\(rest / unit.milliseconds)\(unit.name)" }
            rest %= unit.milliseconds
        }
    }
}
