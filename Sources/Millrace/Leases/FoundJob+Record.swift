// SPDX-License-Identifier: Apache-2.0

extension FoundJob {
    /// What its row would say if it had one; nil for a job of durability `postgres`, of which the ledger alone tells, and for one
    /// that cannot be read.
    package func record(now: Timestamp) -> JobRecord? {
        guard let job = unrecorded?.job else { return nil }
        let token: LeaseToken? = if case .leased(let token) = place { token } else { nil }
        var dueAt = job.dueAt ?? id.time
        if case .scheduled(let delay) = place { dueAt = now + delay }
        let summary = JobSummary(
            id: id, queue: queue, kind: job.kind, priority: job.priority, state: state, attempt: token == nil ? 0 : 1,
            failures: 0, crashes: 0, maxAttempts: job.maxAttempts, timeout: job.timeout, tags: job.tags,
            createdAt: id.time, dueAt: dueAt, expiresAt: job.expiresAt,
            startedAt: token.map { Timestamp(unixMilliseconds: Int64(clamping: $0.reservedAtMicroseconds / 1000)) },
            finishedAt: nil, worker: token?.process)
        return JobRecord(summary, payload: job.payload, result: nil, errors: [])
    }

    /// For the ledger, to take it in as cancelled; nil where `record` is.
    package var unrecorded: UnrecordedJob? {
        guard let envelope = try? JobEnvelope(decoding: envelope), let job = envelope.job(id: id, queue: queue) else {
            return nil
        }
        let token: LeaseToken? = if case .leased(let token) = place { token } else { nil }
        return UnrecordedJob(job, .cancelled, token: token)
    }

    private var state: JobState {
        switch place {
        case .ready: .ready
        case .scheduled: .scheduled
        case .leased: .running
        }
    }
}
