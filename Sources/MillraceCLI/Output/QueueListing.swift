// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// A queue: its lengths from the broker, the rest from the ledger.
struct QueueRow: Sendable {
    let status: QueueStatus
    let isPaused: Bool
    /// Accepted, and not yet handed to the broker.
    let unpushed: Int
    let finished: FinishedCounts

    var name: String { status.queue.name }

    /// All queues that either the ledger knows or the caller names.
    static func read(_ stores: Stores, named queues: [QueueName]? = nil) async throws -> [QueueRow] {
        let settings = try await stores.ledger.queues()
        let flagged = try await stores.ledger.flaggedCounts()
        let finished = try await stores.ledger.finishedCounts()
        let known = Set(settings.map(\.queue)).union(flagged.keys).union(finished.keys)
        let wanted = queues.map { known.intersection($0) } ?? known
        let statuses = wanted.isEmpty ? [] : try await stores.broker.status(of: wanted.sorted())
        let byQueue = Dictionary(statuses.map { ($0.queue, $0) }) { first, _ in first }
        let paused = Set(settings.filter(\.isPaused).map(\.queue))
        return wanted.sorted().map { queue in
            QueueRow(
                status: byQueue[queue] ?? QueueStatus(queue: queue), isPaused: paused.contains(queue),
                unpushed: flagged[queue] ?? 0, finished: finished[queue] ?? FinishedCounts())
        }
    }
}

extension Listing where Row == QueueRow {
    static func queues(now: Timestamp) -> Listing {
        Listing(
            name: "queues",
            columns: [
                Column("QUEUE") { $0.name },
                Column("STATE") { $0.isPaused ? "paused" : "active" },
                Column("READY", isNumber: true) { "\($0.status.readyCount)" },
                Column("RUNNING", isNumber: true) { "\($0.status.running)" },
                Column("SCHEDULED", isNumber: true) { "\($0.status.scheduled)" },
                Column("UNPUSHED", isNumber: true) { "\($0.unpushed)" },
                Column("OLDEST", isNumber: true) { row in
                    row.status.oldestReady.map { DurationText.rounded(now - $0.time) } ?? "-"
                },
                Column("DONE/H", isNumber: true) { "\($0.finished.completedLastHour)" },
                Column("DONE/D", isNumber: true) { "\($0.finished.completedLastDay)" },
                Column("DEAD/H", isNumber: true) { "\($0.finished.deadLastHour)" },
                Column("DEAD/D", isNumber: true) { "\($0.finished.deadLastDay)" },
            ], json: { $0.queue($1, now: now) })
    }
}

extension JSONWriter {
    /// A queue as the API shows it.
    fileprivate mutating func queue(_ row: QueueRow, now: Timestamp) {
        object { json in
            json.member("name", row.name)
            json.member("paused", row.isPaused)
            json.member("ready", row.status.readyCount)
            json.member("ready_by_priority") { json in
                json.object { json in
                    for priority in Priority.allCases { json.member(priority.name, row.status.ready[priority] ?? 0) }
                }
            }
            json.member("scheduled", row.status.scheduled)
            json.member("running", row.status.running)
            json.member("unpushed", row.unpushed)
            json.member("oldest_ready_age", row.status.oldestReady.map { max(.zero, now - $0.time).text })
            json.member("completed_last_hour", row.finished.completedLastHour)
            json.member("completed_last_day", row.finished.completedLastDay)
            json.member("dead_last_hour", row.finished.deadLastHour)
            json.member("dead_last_day", row.finished.deadLastDay)
        }
    }
}
