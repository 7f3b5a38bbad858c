// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Listing where Row == Finding {
    static let findings = Listing(
        name: "findings",
        columns: [
            Column("STATE") { $0.severity.rawValue },
            Column("PART") { $0.part },
            Column("FINDING") { $0.text },
        ],
        json: { json, finding in
            json.object { json in
                json.member("state", finding.severity.rawValue)
                json.member("part", finding.part)
                json.member("finding", finding.text)
            }
        })
}

/// A limit that nothing configures.
struct LimitRow: Sendable {
    let name: String
    let value: String

    /// All of `Limits`.
    static let all = [
        LimitRow("payload or result of a job, bytes", Limits.payloadBytesMax),
        LimitRow("levels of arrays and objects in a payload", Limits.nestingMax),
        LimitRow("jobs in a batch", Limits.batchJobsMax),
        LimitRow("body of a batch, bytes", Limits.batchBytesMax),
        LimitRow("name of a queue or kind, characters", Limits.nameBytesMax),
        LimitRow("idempotency key, or key of a job, bytes", Limits.keyBytesMax),
        LimitRow("tags of a job", Limits.tagsMax),
        LimitRow("tag, bytes", Limits.tagBytesMax),
        LimitRow("scheduled ahead", Limits.scheduleAheadMax),
        LimitRow("error kept of a job, bytes", Limits.errorBytesMax),
        LimitRow("errors kept of a job", Limits.errorsMax),
        LimitRow("failures after which a job is dead, default", Limits.maxAttempts),
        LimitRow("failures after which a job is dead, most", Limits.maxAttemptsMax),
        LimitRow("time-out of a handler, default", Limits.timeout),
        LimitRow("time-out of a handler, most", Limits.timeoutMax),
        LimitRow("backoff, first", Limits.backoffBase),
        LimitRow("backoff, most", Limits.backoffMax),
        LimitRow("finished jobs are kept", Limits.retention),
        LimitRow("idempotency keys are kept", Limits.idempotencyRetention),
        LimitRow("lease of a running job", Limits.lease),
        LimitRow("jobs due later stay in PostgreSQL", Limits.pushAheadMax),
        LimitRow("jobs in one call of a store", Limits.storeBatchMax),
        LimitRow("id behind PostgreSQL's clock", Limits.idBehindMax),
        LimitRow("id ahead of PostgreSQL's clock", Limits.idAheadMax),
        LimitRow("lost runs without a known cause before a job runs alone", Limits.unexplainedCrashesMax),
    ]

    private init(_ name: String, _ number: Int) {
        self.name = name
        value = "\(number)"
    }

    private init(_ name: String, _ duration: Duration) {
        self.name = name
        value = duration.text
    }
}

extension Listing where Row == LimitRow {
    static let limits = Listing(
        name: "limits", columns: [Column("LIMIT") { $0.name }, Column("VALUE", isNumber: true) { $0.value }],
        json: { json, row in
            json.object { json in
                json.member("limit", row.name)
                json.member("value", row.value)
            }
        })
}
