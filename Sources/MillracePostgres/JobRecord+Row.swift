// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import PostgresDriver

extension JobSummary {
    /// Reads a row of `read-summaries`, `read-jobs` or `list-jobs`.
    init(_ row: PostgresRow) throws(PostgresError) {
        let stored = try row.state(4)
        let dueAt = try row.time(12)
        let now = try row.time(17)
        self.init(
            id: try row.jobID(0), queue: try row.queue(1), kind: try row.kind(2), priority: try row.priority(3),
            state: stored.shown(dueAt: dueAt, now: now), attempt: try row.integer(5), failures: try row.integer(6),
            crashes: try row.integer(7), isSuspect: try row.bool(18), maxAttempts: try row.integer(8),
            timeout: .milliseconds(try row.integer(9)),
            tags: try row.textArrayIfPresent(10)?.compactMap(\.self) ?? [], createdAt: try row.time(11), dueAt: dueAt,
            expiresAt: try row.timeIfPresent(13), startedAt: try row.timeIfPresent(14),
            finishedAt: try row.timeIfPresent(15),
            worker: try row.int8IfPresent(16).map { ProcessID(number: UInt64(bitPattern: $0)) })
    }
}

extension JobRecord {
    /// Reads a row of `read-jobs`.
    init(_ row: PostgresRow) throws(PostgresError) {
        self.init(
            try JobSummary(row), payload: try row.json(19), result: try row.jsonIfPresent(20),
            errors: try row.recordedErrors(21), steps: try row.rememberedSteps(22))
    }
}

extension UnfinishedJob {
    /// Reads a row of `list-flagged` or `list-unfinished`.
    init(_ row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.jobID(0), queue: try row.queue(1), lastToken: try row.tokenIfPresent(2),
            isRunning: try row.bool(3), priority: try row.priority(4))
    }
}

extension PushableJob {
    /// Reads a row of `read-pushable`.
    init(_ row: PostgresRow) throws(PostgresError) {
        let id = try row.jobID(0)
        let envelope = JobEnvelope(
            kind: try row.kind(2), createdAt: id.time, expiresAt: try row.timeIfPresent(5),
            timeout: .milliseconds(try row.integer(6)), maxAttempts: try row.integer(7),
            trace: try row.textIfPresent(8), payload: try row.json(9))
        let delay = max(.zero, try row.time(4) - (try row.time(11)))
        self.init(
            queue: try row.queue(1),
            job: QueuedJob(
                id: id, priority: try row.priority(3), delay: delay, envelope: envelope,
                lastToken: try row.tokenIfPresent(10), isSuspect: try row.bool(13)),
            version: RowVersion(number: try row.int8(12)))
    }
}

extension JobState {
    /// As people see it: the ledger does not hear of promotion, so an unclaimed row is `scheduled` while its due time
    /// lies ahead, else `ready`.
    func shown(dueAt: Timestamp, now: Timestamp) -> JobState {
        switch self {
        case .scheduled, .ready: dueAt > now ? .scheduled : .ready
        case .waiting, .running, .completed, .cancelled, .dead: self
        }
    }
}

/// Columns that hold a value of Millrace's vocabulary.
extension PostgresRow {
    func jobID(_ column: Int) throws(PostgresError) -> JobID {
        try known(column, try uuid(.position(column))) { JobID(bytes: $0) }
    }

    func queue(_ column: Int) throws(PostgresError) -> QueueName {
        try known(column, try text(.position(column))) { QueueName($0) }
    }

    func kind(_ column: Int) throws(PostgresError) -> JobKind {
        try known(column, try text(.position(column))) { JobKind($0) }
    }

    func priority(_ column: Int) throws(PostgresError) -> Priority {
        try known(column, try int2(.position(column))) { UInt8(exactly: $0).flatMap(Priority.init(rawValue:)) }
    }

    func state(_ column: Int) throws(PostgresError) -> JobState {
        try known(column, try text(.position(column))) { JobState(rawValue: $0) }
    }

    func tokenIfPresent(_ column: Int) throws(PostgresError) -> LeaseToken? {
        guard let bytes = try byteaIfPresent(.position(column)) else { return nil }
        return try known(column, bytes) { LeaseToken(bytes: $0) }
    }

    func time(_ column: Int) throws(PostgresError) -> Timestamp {
        Timestamp(unixMicroseconds: try unixMicroseconds(.position(column)))
    }

    func timeIfPresent(_ column: Int) throws(PostgresError) -> Timestamp? {
        try unixMicrosecondsIfPresent(.position(column)).map(Timestamp.init(unixMicroseconds:))
    }

    func integer(_ column: Int) throws(PostgresError) -> Int {
        try integer(.position(column))
    }

    func recordedErrors(_ column: Int) throws(PostgresError) -> [RecordedError] {
        guard let json = try jsonIfPresent(.position(column)) else { return [] }
        return try known(column, json) { json in
            let entries = try? JSONDecoder().decode([StoredError].self, from: Data(json))
            return entries?.map { RecordedError(attempt: $0.attempt, at: $0.time, message: $0.error) }
        }
    }

    func rememberedSteps(_ column: Int) throws(PostgresError) -> [RememberedStep] {
        guard let json = try jsonIfPresent(.position(column)) else { return [] }
        return try known(column, json) { json in
            let entries = try? JSONDecoder().decode([StoredStep].self, from: Data(json))
            return entries?.map {
                RememberedStep(
                    name: $0.name, attempt: $0.attempt, at: Timestamp(unixMicroseconds: $0.at), resultBytes: $0.bytes)
            }
        }
    }

    /// A value that no release of ours writes is somebody else's doing.
    private func known<Stored, Value>(
        _ column: Int, _ stored: Stored, _ read: (Stored) -> Value?
    ) throws(PostgresError) -> Value {
        guard let value = read(stored) else {
            throw PostgresError(.decoding, "column \(column) holds what no release of Millrace writes")
        }
        return value
    }
}

/// An element of what `read-jobs` says of the column `steps`.
private struct StoredStep: Decodable {
    var name: String
    var attempt: Int
    /// Unix time in microseconds.
    var at: Int64
    var bytes: Int
}

/// An element of the column `errors`.
private struct StoredError: Decodable {
    var attempt: Int
    /// `2026-11-22T17:05:00.123Z`.
    var at: String
    var error: String

    var time: Timestamp {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = try? style.parse(at) else { return Timestamp(unixMilliseconds: 0) }
        return Timestamp(unixMilliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }
}
