// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

/// Claims: one statement grants what can be granted.
///
/// Of the others the rows are read and `JobLifecycle` says why not. If it says that the row would change, then it has
/// changed in between: try again. So SQL repeats only the one rule that grants.
extension PostgresLedger {
    public func claim(
        _ requests: [ClaimRequest], process: ProcessID
    ) async throws(LedgerError) -> [ClaimVerdict] {
        let newest = Dictionary(requests.map { ($0.lease.id, $0.lease.token) }, uniquingKeysWith: max)
        var verdicts = [ClaimVerdict?](repeating: nil, count: requests.count)
        var pending = requests.indices.filter { newest[requests[$0].lease.id] == requests[$0].lease.token }
        while !pending.isEmpty {
            // A second request with one token has its turn after the first.
            var taken: Set<JobID> = []
            let batch = pending.filter { taken.insert(requests[$0].lease.id).inserted }
                .sorted { requests[$0].lease.id < requests[$1].lease.id }
            let decided = try await decide(batch.map { requests[$0] }, process)
            for index in batch { verdicts[index] = decided[requests[index].lease.id] ?? .missing }
            pending = pending.filter { verdicts[$0] == nil }
        }
        var absent: [JobID: ClaimVerdict] = [:]
        for (request, verdict) in zip(requests, verdicts) where verdict == .missing || verdict == .pruned {
            absent[request.lease.id] = verdict
        }
        return zip(requests, verdicts).map { request, verdict in verdict ?? absent[request.lease.id] ?? .stale }
    }

    /// - Parameter requests: with distinct ids, in ascending order.
    private func decide(
        _ requests: [ClaimRequest], _ process: ProcessID
    ) async throws(LedgerError) -> [JobID: ClaimVerdict] {
        var pending = requests
        var round = Round(process: process, queues: Set(requests.map(\.lease.queue)))
        for _ in 0..<Self.claimRoundsMax where !pending.isEmpty {
            try await grant(pending, &round)
            pending = pending.filter { round.verdicts[$0.lease.id] == nil }
            if !pending.isEmpty { try await explain(pending, &round) }
            pending = pending.filter { round.verdicts[$0.lease.id] == nil }
        }
        guard pending.isEmpty else {
            throw LedgerError(.unavailable, "\(pending.count) rows changed at each of \(Self.claimRoundsMax) looks")
        }
        return round.verdicts
    }

    private struct Round {
        let process: ProcessID
        /// Those whose pause is looked at: a job may be in another queue than its lease says.
        var queues: Set<QueueName>
        /// Rows that somebody held for longer than a claim waits.
        var held: Set<JobID> = []
        var verdicts: [JobID: ClaimVerdict] = [:]
    }

    private static let claimRoundsMax = 5
    /// How long a job is put off whose row somebody holds, such as the transaction of an older attempt.
    private static let heldRowDelay: Duration = .seconds(1)

    private func grant(
        _ requests: [ClaimRequest], _ round: inout Round
    ) async throws(LedgerError) {
        let parameters: [PostgresValue] = [
            .uuidArray(requests.map(\.lease.id.bytes)),
            .byteaArray(requests.map(\.lease.token.bytes)),
            .boolArray(requests.map(\.isForced)),
            .textArray(round.queues.map(\.name).sorted()),
            .int8(Int64(bitPattern: round.process.number)),
            .boolArray(requests.map(\.isAlone)),
            .int4(Int32(clamping: Limits.unexplainedCrashesMax)),
        ]
        do throws(PostgresError) {
            let result = try await query(
                Statements.claimJobs, parameters, on: general, within: configuration.callTimeout)
            for row in result.rows {
                round.verdicts[try row.jobID(0)] = .run(
                    Claim(attempt: try row.integer(1), failures: try row.integer(2), maxAttempts: try row.integer(3)))
            }
        } catch {
            guard error.isLockTimeout, round.held.isEmpty else { throw LedgerError(error) }
            // Somebody holds a row: its neighbours must not wait for it.
            round.held = try await held(requests)
            let free = requests.filter { !round.held.contains($0.lease.id) }
            if !free.isEmpty { try await grant(free, &round) }
        }
    }

    /// What is marked is refused; what has changed since is looked at again.
    private func mark(_ suspects: [(id: JobID, attempt: Int)], _ round: inout Round) async throws(LedgerError) {
        let result = try await run(
            Statements.markSuspects,
            [
                .uuidArray(suspects.map(\.id.bytes)), .int4Array(suspects.map { Int32(clamping: $0.attempt) }),
                .int4(Int32(clamping: Limits.unexplainedCrashesMax)),
            ])
        try decoding { () throws(PostgresError) in
            for row in result.rows { round.verdicts[try row.jobID(0)] = .suspect }
        }
    }

    private func held(_ requests: [ClaimRequest]) async throws(LedgerError) -> Set<JobID> {
        let ids = requests.map(\.lease.id)
        let result = try await run(Statements.findFree, [.uuidArray(ids.map(\.bytes))])
        return try decoding { () throws(PostgresError) in
            var held = Set(ids)
            for row in result.rows { held.remove(try row.jobID(0)) }
            return held
        }
    }

    /// Leaves those without a verdict that must be tried again.
    private func explain(
        _ requests: [ClaimRequest], _ round: inout Round
    ) async throws(LedgerError) {
        let lifecycles = try await lifecycles(of: requests.map(\.lease.id), on: general)
        var ended: [(id: JobID, attempt: Int)] = []
        var suspects: [(id: JobID, attempt: Int)] = []
        var ownerless: Set<QueueName> = []
        for request in requests {
            guard let stored = lifecycles[request.lease.id] else { continue }
            round.queues.insert(stored.queue)
            guard let isPaused = stored.isPaused else {
                ownerless.insert(stored.queue)
                continue
            }
            var after = stored.lifecycle
            let verdict = after.claim(
                request.lease.token, isForced: request.isForced, isAlone: request.isAlone, process: round.process,
                isPaused: isPaused, now: stored.now)
            if after == stored.lifecycle {
                round.verdicts[request.lease.id] = verdict
            } else if round.held.contains(request.lease.id) {
                round.verdicts[request.lease.id] = .notDue(Self.heldRowDelay)
            } else if case .final = verdict {
                ended.append((request.lease.id, stored.lifecycle.attempt))
            } else if verdict == .suspect {
                suspects.append((request.lease.id, stored.lifecycle.attempt))
            }
        }
        if !suspects.isEmpty { try await mark(suspects, &round) }
        if !ended.isEmpty {
            let result = try await run(
                Statements.endUnclaimable,
                [.uuidArray(ended.map(\.id.bytes)), .int4Array(ended.map { Int32(clamping: $0.attempt) })])
            try decoding { () throws(PostgresError) in
                for row in result.rows { round.verdicts[try row.jobID(0)] = .final(try row.state(1)) }
            }
        }
        for queue in ownerless { try await ensureQueue(queue) }
        let missing = requests.map(\.lease.id).filter { lifecycles[$0] == nil }
        if !missing.isEmpty {
            let bounds = try await first(of: Statements.readBounds)
            let oldest = try decoding { () throws(PostgresError) in try bounds.uuidIfPresent(0) }.flatMap {
                JobID(bytes: $0)
            }
            for id in missing { round.verdicts[id] = oldest.map { id < $0 } ?? false ? .pruned : .missing }
        }
    }
}
