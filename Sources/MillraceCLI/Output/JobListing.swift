// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Listing where Row == JobSummary {
    /// A line a job.
    static func jobs(now: Timestamp) -> Listing {
        Listing(
            name: "jobs",
            columns: [
                Column("ID") { "\($0.id)" },
                Column("STATE") { $0.state.rawValue + ($0.isQuarantined ? ", quarantined" : "") },
                Column("QUEUE") { $0.queue.name },
                Column("KIND") { $0.kind.name },
                Column("PRIORITY") { $0.priority.name },
                Column("ATTEMPT", isNumber: true) { "\($0.attempt)" },
                Column("FAILURES", isNumber: true) { "\($0.failures)/\($0.maxAttempts)" },
                Column("WHEN") { $0.when(now) },
            ], json: { $0.job($1) })
    }
}

extension Listing where Row == JobRecord {
    /// All that is known of one job.
    ///
    /// - Parameter why: what it waits for, in plain words; nil for one that has ended.
    static func job(now: Timestamp, why: String? = nil) -> Listing {
        Listing(
            name: "jobs",
            columns: [
                Column("ID") { "\($0.id)" },
                Column("STATE") { $0.state.rawValue },
                Column("WHEN") { $0.summary.when(now) },
            ] + (why.map { why in [Column("WHY") { _ in why }] } ?? []) + [
                Column("QUEUE") { $0.queue.name },
                Column("KIND") { $0.kind.name },
                Column("PRIORITY") { $0.priority.name },
                Column("ATTEMPT") { "\($0.attempt)" },
                Column("FAILURES") { "\($0.failures) of \($0.maxAttempts)" },
                Column("CRASHES") { "\($0.crashes)" },
                Column("QUARANTINED") { job in
                    job.isQuarantined
                        ? "yes: it may have crashed a process, and runs alone until a run of it has ended in order"
                        : "no"
                },
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
                Column("STEPS", lines: { $0.steps.isEmpty ? ["-"] : $0.steps.map(\.line) }),
                Column("ERRORS", lines: { $0.errors.isEmpty ? ["-"] : $0.errors.flatMap(\.lines) }),
            ], json: { $0.job($1, withPayload: true) })
    }
}

extension JobSummary {
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

extension RememberedStep {
    fileprivate var line: String { "\(at.rfc3339) attempt \(attempt): \(name), \(resultBytes) bytes" }
}

extension RecordedError {
    /// Its own lines, of which a backtrace has many, set in below the first.
    fileprivate var lines: [String] {
        let lines = message.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return ["\(at.rfc3339) attempt \(attempt): \(lines[0])"] + lines.dropFirst().map { "  \($0)" }
    }
}
