// SPDX-License-Identifier: Apache-2.0

import Millrace

extension TopTable where Row == MillReading.Queue {
    static func queues(now: Timestamp) -> TopTable {
        TopTable(columns: [
            Column("QUEUE", rank: 0) { $0.row.name },
            Column("READY", isNumber: true, rank: 1) { TopNumber.count($0.row.status.readyCount) },
            Column("RUNNING", isNumber: true, rank: 2) { TopNumber.count($0.row.status.running) },
            Column("SCHED", isNumber: true, rank: 7) { TopNumber.count($0.row.status.scheduled) },
            Column("UNPUSHED", isNumber: true, rank: 8) { TopNumber.count($0.row.unpushed) },
            Column("OLDEST", isNumber: true, rank: 5) { queue in
                queue.row.status.oldestReady.map { DurationText.rounded(now - $0.time) } ?? "-"
            },
            Column("DONE/S", isNumber: true, rank: 3) { TopNumber.rate($0.rates.completed) },
            Column("DEAD/S", isNumber: true, rank: 9) { TopNumber.rate($0.rates.dead) },
            Column("DEAD/H", isNumber: true, rank: 6) { TopNumber.count($0.row.finished.deadLastHour) },
            Column("STATE", rank: 4) { queue in
                ((queue.row.isPaused ? ["paused"] : queue.row.isUnserved ? ["no workers"] : []) + queue.row.quarantine)
                    .joined(separator: ", ")
            },
        ])
    }
}

extension TopTable where Row == WorkerReport {
    static func workers(now: Timestamp) -> TopTable {
        TopTable(columns: [
            Column("POOL", rank: 0) { $0.pool ?? "-" },
            Column("PID", isNumber: true, rank: 1) { "\($0.pid)" },
            Column("HOST", rank: 5) { $0.host },
            Column("RUNNING", isNumber: true, rank: 2) { "\($0.running)/\($0.concurrency)" },
            Column("SEEN", isNumber: true, rank: 3) { DurationText.rounded($0.silence) },
            Column("UP", isNumber: true, rank: 6) { worker in
                DurationText.rounded(now - Timestamp(unixMilliseconds: worker.startedAtUnixMilliseconds))
            },
            Column("STATE", rank: 4) { worker in
                let facts = [
                    worker.isDraining ? "draining" : nil, worker.isAlone ? "quarantine" : nil,
                    worker.stuck > 0 ? "\(worker.stuck) stuck" : nil,
                ]
                return facts.compactMap(\.self).joined(separator: ", ")
            },
            Column("QUEUES", rank: 7) { $0.queues.joined(separator: ",") },
        ])
    }
}

/// A running job and the process that told of it.
struct TopJob {
    let job: WorkerReport.RunningJob
    let worker: WorkerReport

    var running: Duration { .milliseconds(job.ranMilliseconds) + worker.silence }
}

extension TopTable where Row == TopJob {
    static var jobs: TopTable {
        TopTable(
            columns: [
                Column("LONGEST", rank: 0) { $0.job.kind },
                Column("FOR", isNumber: true, rank: 1) { DurationText.rounded($0.running) },
                Column("ID", rank: 2) { $0.job.id },
                Column("ATTEMPT", isNumber: true, rank: 4) { "\($0.job.attempt)" },
                Column("PID", isNumber: true, rank: 3) { "\($0.worker.pid)" },
                Column("QUEUE", rank: 5) { $0.job.queue },
            ], firstWidthMin: 24)
    }
}

/// Numbers that keep within seven columns.
enum TopNumber {
    /// `99999`, `123k`, `12M`.
    static func count(_ number: Int) -> String {
        switch number {
        case ..<100_000: "\(number)"
        case ..<10_000_000: "\(number / 1000)k"
        default: "\(number / 1_000_000)M"
        }
    }

    /// `100k+` where there are more.
    static func count(_ count: FlaggedCount) -> String { self.count(count.count) + (count.isExact ? "" : "+") }

    /// `-` when unknown, one decimal place below a hundred, but `0` for none.
    static func rate(_ perSecond: Double?) -> String {
        guard let perSecond else { return "-" }
        let tenths = Int((perSecond * 10).rounded())
        if tenths == 0 { return perSecond > 0 ? "<0.1" : "0" }
        return tenths < 1000 ? "\(tenths / 10).\(tenths % 10)" : count(Int(perSecond.rounded()))
    }
}
