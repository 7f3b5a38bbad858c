// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// `millrace top` where nobody watches: a line a queue, for logs and pipes.
enum TopLines {
    /// `2026-01-01T00:00:00.000Z queue=photos ready=5 …`
    static func text(_ reading: MillReading) -> String {
        reading.queues.map { queue in
            let (row, status) = (queue.row, queue.row.status)
            let oldest = status.oldestReady.map { DurationText.rounded(reading.at - $0.time) } ?? "-"
            let facts = [
                "queue=\(EscapedText.quotedIfNeeded(row.name))", "ready=\(status.readyCount)",
                "running=\(status.running)",
                "scheduled=\(status.scheduled)", "quarantined=\(status.quarantined)", "unpushed=\(row.unpushed.text)",
                "oldest=\(oldest)",
                "completed/s=\(TopNumber.rate(queue.rates.completed))", "dead/s=\(TopNumber.rate(queue.rates.dead))",
                "dead/h=\(row.finished.deadLastHour)", "paused=\(row.isPaused)",
            ]
            return "\(reading.at.rfc3339) \(facts.joined(separator: " "))\n"
        }.joined()
    }

    /// As `queues list` writes a queue, with the time and the rates.
    static func json(_ reading: MillReading) -> String {
        reading.queues.map { queue in
            var writer = JSONWriter()
            writer.object { json in
                json.member("at", reading.at.rfc3339)
                queue.row.view(now: reading.at).writeMembers(to: &json)
                json.member("completed_per_second", raw: Self.number(queue.rates.completed))
                json.member("dead_per_second", raw: Self.number(queue.rates.dead))
            }
            return writer.line
        }.joined()
    }

    /// Two decimal places, or nil.
    private static func number(_ value: Double?) -> [UInt8]? {
        value.map { Array("\(($0 * 100).rounded() / 100)".utf8) }
    }
}
