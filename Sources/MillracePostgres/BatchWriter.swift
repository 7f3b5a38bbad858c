// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import PostgresDriver

/// Writes the submissions of one batch and answers each.
struct BatchWriter: Sendable {
    typealias Answer = Result<Acceptance, LedgerError>

    let pool: PostgresPool
    let clock: ServerClock
    let knownQueues: KnownQueues
    let logger: Logger

    func write(_ submissions: [Submission], until deadline: ContinuousClock.Instant) async -> [Answer] {
        var answers = [Answer?](repeating: nil, count: submissions.count)
        do throws(PostgresError) {
            for (index, error) in try await misplaced(submissions, until: deadline) { answers[index] = .failure(error) }
        } catch {
            return answers.map { _ in .failure(LedgerError(error)) }
        }
        let sound = answers.indices.filter { answers[$0] == nil }
        let written = await writeSound(sound.map { submissions[$0] }, until: deadline)
        for (index, answer) in zip(sound, written) { answers[index] = answer }
        return answers.map { $0 ?? .failure(LedgerError(.protocolViolation, "a submission without an answer")) }
    }

    /// Submissions with an id out of range. The clock is read again before anybody is refused.
    private func misplaced(
        _ submissions: [Submission], until deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> [(Int, LedgerError)] {
        let now = try await clock.now(on: pool, within: deadline.timeLeft)
        let suspects = submissions.indices.filter { Self.misplacedID(submissions[$0], at: now) != nil }
        guard !suspects.isEmpty else { return [] }
        let exactly = try await clock.read(on: pool, within: deadline.timeLeft)
        return suspects.compactMap { index in Self.misplacedID(submissions[index], at: exactly).map { (index, $0) } }
    }

    private static func misplacedID(_ submission: Submission, at now: Timestamp) -> LedgerError? {
        for (index, job) in submission.jobs.enumerated() {
            if let fault = JobWriter.fault(ofID: job.id, at: now) {
                return LedgerError(.rejected, fault, index: index)
            }
        }
        return nil
    }

    private func writeSound(_ submissions: [Submission], until deadline: ContinuousClock.Instant) async -> [Answer] {
        guard !submissions.isEmpty else { return [] }
        do throws(PostgresError) {
            return try await commit(submissions, until: deadline)
        } catch {
            if error.isLockTimeout, submissions.contains(where: { $0.idempotency != nil }) {
                return await writeApart(submissions, until: deadline)
            }
            guard error.refusesData else { return submissions.map { _ in .failure(LedgerError(error)) } }
            guard submissions.count > 1 else {
                return [.failure(await explained(error, submissions[0].jobs, until: deadline))]
            }
            let middle = submissions.count / 2
            let first = await writeSound(Array(submissions[..<middle]), until: deadline)
            return first + (await writeSound(Array(submissions[middle...]), until: deadline))
        }
    }

    /// Another process is slow to commit one of the keys: those with a key are written one by one.
    private func writeApart(_ submissions: [Submission], until deadline: ContinuousClock.Instant) async -> [Answer] {
        guard submissions.count > 1 else {
            return [.failure(LedgerError(.keyInFlight, "another process is writing this idempotency key"))]
        }
        var answers = [Answer?](repeating: nil, count: submissions.count)
        let keyless = submissions.indices.filter { submissions[$0].idempotency == nil }
        let written = await writeSound(keyless.map { submissions[$0] }, until: deadline)
        for (index, answer) in zip(keyless, written) { answers[index] = answer }
        for index in submissions.indices where answers[index] == nil {
            answers[index] = await writeSound([submissions[index]], until: deadline).first
        }
        return answers.map { $0 ?? .failure(LedgerError(.protocolViolation, "a submission without an answer")) }
    }

    /// One transaction for all of them; repeated after a conflict, and after a missing partition was made.
    private func commit(
        _ submissions: [Submission], until deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> [Answer] {
        let newQueues = knownQueues.unknown(of: submissions.lazy.flatMap(\.jobs).map(\.queue))
        var triesLeft = PostgresLedger.conflictTriesMax
        while true {
            do throws(PostgresError) {
                let answers = try await tryCommit(submissions, newQueues, until: deadline)
                knownQueues.add(newQueues)
                return answers
            } catch {
                triesLeft -= 1
                guard triesLeft > 0 else { throw error }
                if error.isMissingPartition {
                    try await makePartitions(for: submissions.flatMap(\.jobs), until: deadline)
                } else if !error.isRetryable {
                    throw error
                }
            }
        }
    }

    private func tryCommit(
        _ submissions: [Submission], _ newQueues: [QueueName], until deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> [Answer] {
        if newQueues.isEmpty, submissions.allSatisfy({ $0.idempotency == nil }) {
            // The usual case is a transaction by itself: one round trip.
            let rows = submissions.flatMap(\.rows).sorted { $0.job.id < $1.job.id }
            _ = try await pool.query(
                Statements.insertJobs, JobColumns.parameters(of: rows), deadline: deadline.timeLeft)
            return submissions.map { _ in .success(.accepted) }
        }
        return try await transaction(until: deadline) { transaction throws(PostgresError) in
            let answers = try IdempotencyKeys.write(submissions.map(\.idempotency), in: transaction)
            let fresh = submissions.indices.filter { answers[$0] == nil }
            try JobWriter.write(fresh.flatMap { submissions[$0].rows }, newQueues: newQueues, in: transaction)
            return answers.map { $0 ?? .success(.accepted) }
        }
    }

    private func makePartitions(
        for jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws(PostgresError) {
        let days = Dictionary(grouping: jobs) { $0.id.time.unixMilliseconds / 86_400_000 }
        for job in days.sorted(by: { $0.key < $1.key }).compactMap(\.value.first) {
            let result = try await pool.query(
                Statements.makePartition, [.timestamp(unixMicroseconds: job.id.time.unixMicroseconds)],
                deadline: deadline.timeLeft)
            guard try result.rows.first?.bool(0) == true else { continue }
            logger.error(
                "a partition of job_rows was missing and has been made; maintenance has not run for days",
                metadata: [.jobID: "\(job.id)"])
        }
    }

    /// Names the job at fault, found in transactions that are rolled back.
    private func explained(
        _ error: PostgresError, _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async -> LedgerError {
        var suspects = Array(jobs.indices)
        var fault = error
        while suspects.count > 1 {
            let half = Array(suspects[..<(suspects.count / 2)])
            do throws(PostgresError) {
                try await rehearse(half.map { jobs[$0] }, until: deadline)
                suspects.removeFirst(half.count)
            } catch {
                guard error.refusesData else { return LedgerError(fault) }
                fault = error
                suspects = half
            }
        }
        return LedgerError(.rejected, fault.message, sqlState: fault.sqlState, index: suspects.first)
    }

    private func rehearse(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws(PostgresError) {
        struct Rehearsed: Error {}
        do {
            try await pool.transaction(deadline: deadline.timeLeft) { transaction in
                try JobWriter.write(
                    jobs.map { NewRow(job: $0, isFlagged: false) }, newQueues: [], in: transaction)
                throw Rehearsed()
            }
        } catch is Rehearsed {
            return
        } catch {
            throw error as? PostgresError ?? PostgresError(.decoding, "\(error)")
        }
    }

    private func transaction<Value: Sendable>(
        until deadline: ContinuousClock.Instant,
        _ body: @Sendable (PostgresTransaction) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        do {
            return try await pool.transaction(deadline: deadline.timeLeft) { try body($0) }
        } catch {
            throw error as? PostgresError ?? PostgresError(.decoding, "\(error)")
        }
    }
}

extension ContinuousClock.Instant {
    /// Zero when it has passed.
    var timeLeft: Duration { max(.zero, self - .now) }
}
