// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Listing where Row == JobRecord {
    /// A line a job.
    static func jobs(now: Timestamp) -> Listing {
        Listing(
            name: "jobs",
            columns: [
                Column("ID") { "\($0.id)" },
                Column("STATE") { $0.state.rawValue },
                Column("QUEUE") { $0.queue.name },
                Column("KIND") { $0.kind.name },
                Column("PRIORITY") { $0.priority.name },
                Column("ATTEMPT", isNumber: true) { "\($0.attempt)" },
                Column("FAILURES", isNumber: true) { "\($0.failures)/\($0.maxAttempts)" },
                Column("WHEN") { $0.when(now) },
            ], json: { $0.job($1, isWhole: false) })
    }

    /// All that is known of one job.
    static func job(now: Timestamp) -> Listing {
        Listing(
            name: "jobs",
            columns: [
                Column("ID") { "\($0.id)" },
                Column("STATE") { $0.state.rawValue },
                Column("WHEN") { $0.when(now) },
                Column("QUEUE") { $0.queue.name },
                Column("KIND") { $0.kind.name },
                Column("PRIORITY") { $0.priority.name },
                Column("ATTEMPT") { "\($0.attempt)" },
                Column("FAILURES") { "\($0.failures) of \($0.maxAttempts)" },
                Column("CRASHES") { "\($0.crashes)" },
                Column("TIME-OUT") { $0.timeout.text },
                Column("TAGS") { $0.tags.isEmpty ? "-" : $0.tags.joined(separator: ", ") },
                Column("CREATED") { $0.createdAt.rfc3339 },
                Column("DUE") { $0.dueAt.rfc3339 },
                Column("EXPIRES") { $0.expiresAt?.rfc3339 ?? "-" },
                Column("STARTED") { $0.startedAt?.rfc3339 ?? "-" },
                Column("FINISHED") { $0.finishedAt?.rfc3339 ?? "-" },
                Column("WORKER") { $0.worker.map { "\($0)" } ?? "-" },
                Column("PAYLOAD") { String(decoding: $0.payload, as: UTF8.self) },
                Column("RESULT") { $0.result.map { String(decoding: $0, as: UTF8.self) } ?? "-" },
                Column("ERRORS") { job in
                    job.errors.isEmpty
                        ? "-"
                        : job.errors.map { "\($0.at.rfc3339) attempt \($0.attempt): \($0.message)" }.joined(
                            separator: "; ")
                },
            ], json: { $0.job($1, isWhole: true) })
    }
}

extension JobRecord {
    /// The time that matters most in its state, from now.
    fileprivate func when(_ now: Timestamp) -> String {
        switch state {
        case .scheduled, .waiting: "in \(DurationText.rounded(dueAt - now))"
        case .ready: "for \(DurationText.rounded(now - dueAt))"
        case .running: "for \(DurationText.rounded(now - (startedAt ?? now)))"
        case .completed, .cancelled, .dead: "\(DurationText.rounded(now - (finishedAt ?? now))) ago"
        }
    }
}

extension JSONWriter {
    /// A job as the API shows it.
    ///
    /// - Parameter isWhole: with payload, result and errors, which listings leave out.
    fileprivate mutating func job(_ job: JobRecord, isWhole: Bool) {
        object { json in
            json.member("id", "\(job.id)")
            json.member("queue", job.queue.name)
            json.member("kind", job.kind.name)
            json.member("state", job.state.rawValue)
            json.member("priority", job.priority.name)
            json.member("attempt", job.attempt)
            json.member("failures", job.failures)
            json.member("crashes", job.crashes)
            json.member("max_attempts", job.maxAttempts)
            json.member("timeout", job.timeout.text)
            json.member("tags") { json in json.array(job.tags) { $0.string($1) } }
            json.member("created_at", job.createdAt.rfc3339)
            json.member("due_at", job.dueAt.rfc3339)
            json.member("expires_at", job.expiresAt?.rfc3339)
            json.member("started_at", job.startedAt?.rfc3339)
            json.member("finished_at", job.finishedAt?.rfc3339)
            json.member("worker", job.worker?.description)
            guard isWhole else { return }
            json.member("payload", raw: job.payload)
            json.member("result", raw: job.result)
            json.member("errors") { json in
                json.array(job.errors) { json, error in
                    json.object { json in
                        json.member("attempt", error.attempt)
                        json.member("at", error.at.rfc3339)
                        json.member("error", error.message)
                    }
                }
            }
        }
    }
}
