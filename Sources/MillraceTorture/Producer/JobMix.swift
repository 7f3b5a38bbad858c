// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Which job has which number: the same for the same seed, so that a request can be sent again byte by byte.
struct JobMix: Sendable {
    let seed: UInt64
    /// nil = a mixture.
    let milliseconds: Int?
    /// Of the batches, those whose jobs have durability `redis`.
    let redisPercent: Int

    /// Whether a batch is entrusted to Redis.
    func isEntrusted(_ first: Int) -> Bool {
        var generator = SeededGenerator(seed: seed ^ 0x656E_7472_7573_7465, of: first)
        return Int.random(in: 0..<100, using: &generator) < redisPercent
    }

    /// As the API takes it.
    func json(_ serial: Int, isEntrusted: Bool) -> String {
        var generator = SeededGenerator(seed: seed, of: serial)
        var mode = TortureJob.Mode.plain
        var duration = Int.random(in: 0...5, using: &generator)
        var rest = ""
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<3: mode = .row
        case 3: mode = .follow
        case 4: mode = .retry
        case 5: mode = .snooze
        case 6: rest = #","delay":"1s""#
        // Some run longer than a lease.
        case 7: duration = Int.random(in: 0..<500, using: &generator) == 0 ? 18_000 : duration * 100
        case 8: mode = .conflict
        default: break
        }
        if let milliseconds { (mode, duration, rest) = (.plain, milliseconds, "") }
        let queue = ["a", "b"].randomElement(using: &generator) ?? "a"
        let priority = ["critical", "high", "normal", "normal", "low"].randomElement(using: &generator) ?? "normal"
        if isEntrusted { rest += #","durability":"redis""# }
        return #"{"kind":"\#(TortureJob.kind.name)","queue":"\#(queue)","priority":"\#(priority)"\#(rest),"#
            + #""payload":{"serial":\#(serial),"mode":"\#(mode.rawValue)","milliseconds":\#(duration)}}"#
    }
}
