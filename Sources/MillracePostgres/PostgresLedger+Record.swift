// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import Millrace
import PostgresDriver

/// Outcomes: one fenced statement writes all that are due to be written; of the others the rows are read, and
/// `JobLifecycle` says why not.
extension PostgresLedger {
    public func record(_ outcomes: [Outcome]) async throws(LedgerError) -> [RecordVerdict] {
        let outcomes = Safeguard.fence.isOff ? try await unfenced(outcomes) : outcomes
        var verdicts = [RecordVerdict?](repeating: nil, count: outcomes.count)
        var pending = Array(outcomes.indices)
        var roundsLeft = Self.recordRoundsMax
        while !pending.isEmpty {
            // A second outcome of one job has its turn after the first.
            var taken: Set<JobID> = []
            let batch = pending.filter { taken.insert(outcomes[$0].id).inserted }
                .sorted { outcomes[$0].id < outcomes[$1].id }
            try await settle(batch, of: outcomes, &verdicts)
            if batch.contains(where: { verdicts[$0] == nil }) {
                roundsLeft -= 1
                guard roundsLeft > 0 else {
                    throw LedgerError(.unavailable, "rows changed at each of \(Self.recordRoundsMax) looks")
                }
            }
            pending = pending.filter { verdicts[$0] == nil }
        }
        return verdicts.map { $0 ?? .fenced }
    }

    private static let recordRoundsMax = 5

    /// The same outcomes in the name of whichever attempt holds each job.
    private func unfenced(_ outcomes: [Outcome]) async throws(LedgerError) -> [Outcome] {
        let lifecycles = try await lifecycles(of: outcomes.map(\.id), on: urgent)
        return outcomes.map { outcome in
            var outcome = outcome
            outcome.attempt = lifecycles[outcome.id]?.lifecycle.attempt ?? outcome.attempt
            return outcome
        }
    }

    /// Leaves those without a verdict that must be tried again.
    private func settle(
        _ batch: [Int], of outcomes: [Outcome], _ verdicts: inout [RecordVerdict?]
    ) async throws(LedgerError) {
        var written = try await insertUnclaimed(batch.map { outcomes[$0] })
        let claimed = batch.map { outcomes[$0] }.filter { written[$0.id] == nil }
        if claimed.contains(where: { $0.unclaimed != nil }) { Failpoint.reached(.adoptedNotRecorded) }
        written.merge(try await write(claimed)) { first, _ in first }
        let refused = batch.filter { written[outcomes[$0].id] == nil }
        for index in batch { verdicts[index] = written[outcomes[index].id].map { .recorded($0) } }
        guard !refused.isEmpty else { return }
        let lifecycles = try await lifecycles(of: refused.map { outcomes[$0].id }, on: urgent)
        for index in refused {
            guard let stored = lifecycles[outcomes[index].id] else {
                verdicts[index] = .fenced
                continue
            }
            var after = stored.lifecycle
            let verdict = after.record(outcomes[index].ending, attempt: outcomes[index].attempt, now: stored.now)
            if after == stored.lifecycle { verdicts[index] = verdict }
        }
    }

    private func insertUnclaimed(_ outcomes: [Outcome]) async throws(LedgerError) -> [JobID: JobState] {
        var left = outcomes.filter { $0.unclaimed != nil }[...]
        var written: [JobID: JobState] = [:]
        while !left.isEmpty {
            var bytes = 0
            let part = left.prefix { outcome in
                defer { bytes += outcome.unclaimed?.job.payload.count ?? 0 }
                return bytes < Self.insertedBytesMax
            }
            written.merge(try await insert(part)) { first, _ in first }
            left = left[part.endIndex...]
        }
        return written
    }

    /// The jobs that were written, with their new states. Outcomes that the store refuses for their data end as `dead`.
    private func write(_ outcomes: [Outcome]) async throws(LedgerError) -> [JobID: JobState] {
        guard !outcomes.isEmpty else { return [:] }
        do throws(PostgresError) {
            let result = try await query(
                Statements.recordOutcomes, OutcomeColumns.parameters(of: outcomes, shard: shard), on: urgent,
                within: configuration.callTimeout)
            var written: [JobID: JobState] = [:]
            for row in result.rows { written[try row.jobID(0)] = try row.state(1) }
            return written
        } catch {
            guard error.refusesData else { throw LedgerError(error) }
            guard outcomes.count > 1 else { return try await bury(outcomes[0], for: error) }
            let middle = outcomes.count / 2
            let first = try await write(Array(outcomes[..<middle]))
            return first.merging(try await write(Array(outcomes[middle...]))) { first, _ in first }
        }
    }

    private func bury(_ outcome: Outcome, for error: PostgresError) async throws(LedgerError) -> [JobID: JobState] {
        guard let dead = outcome.buried(for: error) else { throw LedgerError(error) }
        return try await write([dead])
    }
}

extension Outcome {
    /// What is written instead of a result that the store refuses; nil where it is not the result that is refused.
    func buried(for error: PostgresError) -> Outcome? {
        guard case .completed = ending else { return nil }
        var outcome = self
        outcome.ending = .dead(
            error: "result cannot be stored: \(error.message) (SQLSTATE \(error.sqlState ?? "none"))")
        return outcome
    }
}

/// Outcomes as the parameters of `record-outcomes`: one array per column.
enum OutcomeColumns {
    /// - Parameter outcomes: with distinct ids, in ascending order.
    static func parameters(of outcomes: [Outcome], shard: Int64) -> [PostgresValue] {
        [
            .uuidArray(outcomes.map(\.id.bytes)),
            .int4Array(outcomes.map { Int32(clamping: $0.attempt) }),
            .textArray(outcomes.map(\.ending.name)),
            .int8Array(outcomes.map(\.ending.delayMilliseconds)),
            .jsonArray(outcomes.map(\.ending.result)),
            .jsonArray(outcomes.map(\.ending.errorJSON)),
            .int8(shard),
        ]
    }

    /// A JSON string, cut to its limit: it may hold a NUL character, which a text of PostgreSQL may not.
    static func error(_ text: String) -> [UInt8] {
        (try? JSONEncoder().encode(text.prefix(bytes: Limits.errorBytesMax))).map(Array.init)
            ?? Array(#""unreadable error""#.utf8)
    }
}

extension Outcome.Ending {
    fileprivate var name: String {
        switch self {
        case .completed: "completed"
        case .retry: "retry"
        case .dead: "dead"
        case .snooze: "snooze"
        case .release: "release"
        }
    }

    /// At most a hundred years, so that the server's calendar does not end before it.
    fileprivate var delayMilliseconds: Int64? {
        switch self {
        case .retry(let delay, _), .snooze(let delay): min(max(delay.milliseconds, 0), 100 * 365 * 86_400_000)
        case .completed, .dead, .release: nil
        }
    }

    var result: [UInt8]? {
        if case .completed(let result) = self { result } else { nil }
    }

    var errorJSON: [UInt8]? {
        switch self {
        case .retry(_, let error), .dead(let error): OutcomeColumns.error(error)
        case .completed, .snooze, .release: nil
        }
    }
}

extension String {
    /// As many whole characters of Unicode as fit.
    fileprivate func prefix(bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(unicodeScalars[..<end])
    }
}
