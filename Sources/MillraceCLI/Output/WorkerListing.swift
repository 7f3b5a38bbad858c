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
                Column("STATE") { $0.isDraining ? "draining" : $0.isAlone ? "quarantine" : "working" },
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
