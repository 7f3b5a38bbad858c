// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

/// Jobs of durability `redis`, which get their row late: when their first attempt ends, or when another is to begin.
extension PostgresLedger {
    public func adopt(_ jobs: [UnrecordedJob]) async throws(LedgerError) {
        precondition(jobs.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) jobs in one call")
        do throws(PostgresError) {
            _ = try await insert(jobs.map { AdoptedRow($0) }, on: general)
        } catch {
            throw LedgerError(error)
        }
    }

    /// The jobs among these that had no row and have one now, with their states.
    ///
    /// Their days' partitions are made where they are missing: nobody was told that such a job could grow too old.
    func insert(_ rows: [AdoptedRow], on pool: PostgresPool) async throws(PostgresError) -> [JobID: JobState] {
        guard !rows.isEmpty else { return [:] }
        let rows = rows.sorted { $0.job.id < $1.job.id }
        let parameters = AdoptedRow.parameters(of: rows, shard: shard)
        let newQueues = knownQueues.unknown(of: rows.lazy.map(\.job.queue))
        if !newQueues.isEmpty {
            _ = try await query(
                Statements.ensureQueues, [.textArray(newQueues.map(\.name))], on: pool,
                within: configuration.callTimeout)
            knownQueues.add(newQueues)
        }
        var triesLeft = Self.conflictTriesMax
        while true {
            do throws(PostgresError) {
                let result = try await query(
                    Statements.adoptJobs, parameters, on: pool, within: configuration.callTimeout)
                var written: [JobID: JobState] = [:]
                for row in result.rows { written[try row.jobID(0)] = try row.state(1) }
                return written
            } catch {
                triesLeft -= 1
                guard error.isMissingPartition, triesLeft > 0 else { throw error }
                try await makePartitions(for: rows.map(\.job.id), on: pool)
            }
        }
    }

    /// Makes the partitions of these ids' days.
    func makePartitions(for ids: [JobID], on pool: PostgresPool) async throws(PostgresError) {
        let days = Dictionary(grouping: ids) { $0.time.unixMilliseconds / 86_400_000 }
        for id in days.sorted(by: { $0.key < $1.key }).compactMap(\.value.first) {
            _ = try await query(
                Statements.makePartition, [.timestamp(unixMicroseconds: id.time.unixMicroseconds)], on: pool,
                within: configuration.callTimeout)
        }
    }

    /// Ends the first attempts of jobs without a row: those that were written, with their final states. Of those that go on, a
    /// running row is written, to be recorded like any other.
    ///
    /// - Parameter outcomes: with distinct ids. One that the store refuses for its data ends as `dead`.
    func insert(_ outcomes: ArraySlice<Outcome>) async throws(LedgerError) -> [JobID: JobState] {
        do throws(PostgresError) {
            return try await insert(outcomes.compactMap { AdoptedRow($0) }, on: urgent)
                .filter { $0.value.isFinal }
        } catch {
            guard error.refusesData, let only = outcomes.first else { throw LedgerError(error) }
            guard outcomes.count > 1 else {
                guard let dead = only.buried(for: error) else { throw LedgerError(error) }
                return try await insert([dead])
            }
            let middle = outcomes.startIndex + outcomes.count / 2
            let first = try await insert(outcomes[..<middle])
            return first.merging(try await insert(outcomes[middle...])) { first, _ in first }
        }
    }

    /// Bytes of payloads in one statement of ``insert(_:)``, and one more payload at most.
    static let insertedBytesMax = 8 << 20
}

/// A row that is written without a claim.
struct AdoptedRow {
    let job: NewJob
    private let unrecorded: UnrecordedJob
    private let state: JobState
    private let outcome: Outcome?

    init(_ unrecorded: UnrecordedJob) {
        self.unrecorded = unrecorded
        job = unrecorded.job
        outcome = nil
        state =
            switch unrecorded.standing {
            case .ready: .ready
            case .running: .running
            case .cancelled: .cancelled
            }
    }

    /// nil for an attempt that was claimed. What does not end the job is left to be recorded.
    init?(_ outcome: Outcome) {
        guard let unclaimed = outcome.unclaimed else { return nil }
        unrecorded = unclaimed
        job = unclaimed.job
        let end: JobState? =
            switch outcome.ending {
            case .completed: .completed
            case .dead: .dead
            case .retry: job.maxAttempts <= 1 ? .dead : nil
            case .snooze, .release: nil
            }
        state = end ?? .running
        self.outcome = end == nil ? nil : outcome
    }

    /// - Parameter rows: with distinct ids, in ascending order.
    static func parameters(of rows: [AdoptedRow], shard: Int64) -> [PostgresValue] {
        JobColumns.parameters(of: rows.map(\.job)) + [
            .textArray(rows.map(\.state.rawValue)),
            .int4Array(rows.map { Int32(clamping: $0.unrecorded.attempt) }),
            .byteaArray(rows.map(\.unrecorded.token?.bytes)),
            .int8Array(rows.map { $0.unrecorded.token.map { Int64(bitPattern: $0.process.number) } }),
            .timestampArray(unixMicroseconds: rows.map(\.unrecorded.startedAt?.unixMicroseconds)),
            .jsonArray(rows.map { $0.outcome?.ending.result }),
            .jsonArray(rows.map { $0.outcome?.ending.errorJSON }),
            .int8(shard),
        ]
    }
}
