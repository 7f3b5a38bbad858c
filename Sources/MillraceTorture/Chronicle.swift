// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What happens, as it happens, with the time since the start: for the person who reads it afterwards.
struct Chronicle: Sendable {
    let say: @Sendable (String) -> Void
    private let start = ContinuousClock.now

    init(say: @escaping @Sendable (String) -> Void) {
        self.say = say
    }

    func note(_ event: String) {
        let time = (ContinuousClock.now - start).text
        say("\(String(repeating: " ", count: max(0, 9 - time.count)))\(time)  \(event)")
    }
}

extension Duration {
    /// To a tenth of a second.
    var text: String {
        let tenths = components.seconds * 10 + components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

/// The machine's time in µs since 1970, which journals and faults are compared by.
func wallMicroseconds() -> Int { Int(Date.now.timeIntervalSince1970 * 1_000_000) }
