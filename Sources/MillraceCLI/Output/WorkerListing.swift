// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Listing where Row == WorkerReport {
    static func workers(now: Timestamp) -> Listing {
        Listing(
            name: "workers",
            columns: [
                Column("PROCESS") { $0.process },
                Column("POOL") { $0.pool ?? "-" },
                Column("HOST") { $0.host },
                Column("PID", isNumber: true) { "\($0.pid)" },
                Column("STATE") { $0.isDraining ? "draining" : "working" },
                Column("SLOTS", isNumber: true) { "\($0.concurrency)" },
                Column("RUNNING", isNumber: true) { "\($0.running)" },
                Column("STUCK", isNumber: true) { "\($0.stuck)" },
                Column("UP", isNumber: true) { DurationText.rounded(now - $0.startedAt) },
                Column("QUEUES") { $0.queues.joined(separator: ",") },
            ], json: { $0.worker($1) })
    }
}

extension WorkerReport {
    fileprivate var startedAt: Timestamp { Timestamp(unixMilliseconds: startedAtUnixMilliseconds) }
}

extension JSONWriter {
    /// A worker process as the API shows it.
    fileprivate mutating func worker(_ worker: WorkerReport) {
        object { json in
            json.member("process", worker.process)
            json.member("pid", Int(worker.pid))
            json.member("host", worker.host)
            json.member("pool", worker.pool)
            json.member("queues") { json in json.array(worker.queues) { $0.string($1) } }
            json.member("concurrency", worker.concurrency)
            json.member("running", worker.running)
            json.member("started_at", worker.startedAt.rfc3339)
            json.member("draining", worker.isDraining)
            json.member("stuck", worker.stuck)
        }
    }
}
