// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// A queue: its lengths from the broker, the rest from the ledger.
struct QueueRow: Sendable {
    let status: QueueStatus
    let isPaused: Bool
    /// Accepted, and not yet handed to the broker.
    let unpushed: FlaggedCount
    let finished: FinishedCounts
    /// Live processes that take jobs from it.
    let workers: Int

    var name: String { status.queue.name }

    /// Jobs wait that could start, and nobody takes them.
    var isUnserved: Bool { workers == 0 && !isPaused && waiting > 0 }

    /// Jobs that could start, or at least so many.
    private var waiting: Int { status.readyCount + unpushed.count }

    /// Something waits or runs.
    var isBusy: Bool { waiting + status.running > 0 }

    /// For the operator of an unserved queue.
    var unservedRemark: String {
        "no live worker process takes jobs from \(name), where \(FlaggedCount(waiting, isExact: unpushed.isExact).text) wait: "
            + "put it into a pool of workers.yml, or run \(Program.name) work --queues \(name)"
    }

    /// `3 quarantined`: suspects of a crash, which wait to be run alone; nothing when there is none.
    var quarantine: [String] { status.quarantined > 0 ? ["\(status.quarantined) quarantined"] : [] }

    /// All queues that either the ledger knows or the caller names.
    static func read(_ stores: Stores, named queues: [QueueName]? = nil) async throws -> [QueueRow] {
        let facts = try await LedgerFacts.read(stores.ledger)
        let wanted = queues.map { facts.queues.intersection($0) } ?? facts.queues
        guard !wanted.isEmpty else { return [] }
        return facts.rows(
            try await stores.broker.status(of: wanted.sorted()), of: wanted,
            workforce: Workforce(try await stores.broker.workers()))
    }
}

/// What the ledger knows of all queues.
struct LedgerFacts: Sendable {
    var paused: Set<QueueName> = []
    var flagged: [QueueName: FlaggedCount] = [:]
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
    func rows(_ statuses: [QueueStatus], of queues: Set<QueueName>, workforce: Workforce) -> [QueueRow] {
        let byQueue = Dictionary(statuses.map { ($0.queue, $0) }) { first, _ in first }
        return queues.sorted().map { queue in
            QueueRow(
                status: byQueue[queue] ?? QueueStatus(queue: queue), isPaused: paused.contains(queue),
                unpushed: flagged[queue] ?? FlaggedCount(0), finished: finished[queue] ?? FinishedCounts(),
                workers: workforce.takers(of: queue).count)
        }
    }
}

extension Listing where Row == QueueRow {
    static func queues(now: Timestamp) -> Listing {
        Listing(
            name: "queues",
            columns: [
                Column("QUEUE") { $0.name },
                Column("STATE") { ([$0.isPaused ? "paused" : "active"] + $0.quarantine).joined(separator: ", ") },
                Column("READY", isNumber: true) { "\($0.status.readyCount)" },
                Column("RUNNING", isNumber: true) { "\($0.status.running)" },
                Column("SCHEDULED", isNumber: true) { "\($0.status.scheduled)" },
                Column("UNPUSHED", isNumber: true) { $0.unpushed.text },
                Column("WORKERS", isNumber: true) { "\($0.workers)" },
                Column("OLDEST", isNumber: true) { row in
                    row.status.oldestReady.map { DurationText.rounded(now - $0.time) } ?? "-"
                },
                Column("DONE/H", isNumber: true) { "\($0.finished.completedLastHour)" },
                Column("DONE/D", isNumber: true) { "\($0.finished.completedLastDay)" },
                Column("DEAD/H", isNumber: true) { "\($0.finished.deadLastHour)" },
                Column("DEAD/D", isNumber: true) { "\($0.finished.deadLastDay)" },
            ], json: { $1.view(now: now).write(to: &$0) })
    }
}

extension FlaggedCount {
    /// `100000+` where there are more.
    var text: String { isExact ? "\(count)" : "\(count)+" }
}

extension [QueueRow] {
    var unpushed: FlaggedCount {
        FlaggedCount(reduce(0) { $0 + $1.unpushed.count }, isExact: allSatisfy(\.unpushed.isExact))
    }
}

extension QueueRow {
    func view(now: Timestamp) -> QueueView {
        QueueView(status: status, isPaused: isPaused, flagged: unpushed, finished: finished, workers: workers, now: now)
    }
}
