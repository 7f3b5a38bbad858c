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
        let facts = try await LedgerFacts.read(stores.ledger)
        let wanted = queues.map { facts.queues.intersection($0) } ?? facts.queues
        return facts.rows(wanted.isEmpty ? [] : try await stores.broker.status(of: wanted.sorted()), of: wanted)
    }
}

/// What the ledger knows of all queues.
struct LedgerFacts: Sendable {
    var paused: Set<QueueName> = []
    var flagged: [QueueName: Int] = [:]
    var finished: [QueueName: FinishedCounts] = [:]
    var queues: Set<QueueName> = []

    static func read(_ ledger: any JobLedger) async throws(LedgerError) -> LedgerFacts {
        let settings = try await ledger.queues()
        var facts = LedgerFacts(
            paused: Set(settings.filter(\.isPaused).map(\.queue)), flagged: try await ledger.flaggedCounts(),
            finished: try await ledger.finishedCounts())
        facts.queues = Set(settings.map(\.queue)).union(facts.flagged.keys).union(facts.finished.keys)
        return facts
    }

    /// By name; a queue that the broker did not speak of counts as empty there.
    func rows(_ statuses: [QueueStatus], of queues: Set<QueueName>) -> [QueueRow] {
        let byQueue = Dictionary(statuses.map { ($0.queue, $0) }) { first, _ in first }
        return queues.sorted().map { queue in
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
        object { $0.queueMembers(row, now: now) }
    }

    mutating func queueMembers(_ row: QueueRow, now: Timestamp) {
        member("name", row.name)
        member("paused", row.isPaused)
        member("ready", row.status.readyCount)
        member("ready_by_priority") { json in
            json.object { json in
                for priority in Priority.allCases { json.member(priority.name, row.status.ready[priority] ?? 0) }
            }
        }
        member("scheduled", row.status.scheduled)
        member("running", row.status.running)
        member("unpushed", row.unpushed)
        member("oldest_ready_age", row.status.oldestReady.map { max(.zero, now - $0.time).text })
        member("completed_last_hour", row.finished.completedLastHour)
        member("completed_last_day", row.finished.completedLastDay)
        member("dead_last_hour", row.finished.deadLastHour)
        member("dead_last_day", row.finished.deadLastDay)
    }
}
