// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

/// One run of a case: a queue, two processes, and short ways to use a ledger.
struct LedgerTrial: Sendable {
    let harness: any LedgerHarness
    let queue = BrokerTrial.freshQueue()
    let otherQueue = BrokerTrial.freshQueue()
    let process = ProcessID(number: .random(in: 1...(.max)))
    let otherProcess = ProcessID(number: .random(in: 1...(.max)))

    var ledger: any JobLedger { harness.ledger }

    func advance(by duration: Duration) async throws {
        try await harness.advanceClock(by: duration)
    }

    func now() async throws -> Timestamp { try await harness.now() }

    /// A job that is made now, or `age` ago.
    func job(
        _ payload: String = "{}", in queue: QueueName? = nil, kind: JobKind = "conformance.test",
        priority: Priority = .normal, due delay: Duration? = nil, expires: Duration? = nil,
        maxAttempts: Int = Limits.maxAttempts, age: Duration = .zero
    ) async throws -> NewJob {
        let now = try await now()
        var generator = SystemRandomNumberGenerator()
        return NewJob(
            id: JobID(at: now + (.zero - age), using: &generator), kind: kind, queue: queue ?? self.queue,
            priority: priority, payload: Array(payload.utf8), dueAt: delay.map { now + $0 },
            expiresAt: expires.map { now + $0 }, maxAttempts: maxAttempts)
    }

    func jobs(_ count: Int) async throws -> [NewJob] {
        var jobs: [NewJob] = []
        for number in 0..<count { try await jobs.append(job("{\"number\":\(number)}")) }
        return jobs
    }

    func accept(_ jobs: [NewJob], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let acceptance = try await ledger.accept(Submission(jobs: jobs))
        #expect(acceptance == .accepted, sourceLocation: sourceLocation)
    }

    func accept(_ job: NewJob, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await accept([job], sourceLocation: sourceLocation)
    }

    /// The error of a submission that is refused.
    func refusal(
        of jobs: [NewJob], idempotency: Idempotency? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LedgerError {
        try #require(
            await #expect(throws: LedgerError.self, sourceLocation: sourceLocation) {
                try await ledger.accept(Submission(jobs: jobs, idempotency: idempotency))
            },
            sourceLocation: sourceLocation)
    }

    /// Tokens are ordered by their number.
    func token(_ number: UInt64, process: ProcessID? = nil) -> LeaseToken {
        LeaseToken(
            reservedAtMicroseconds: 1_767_225_600_000_000 + number, process: process ?? self.process, lane: .normal)
    }

    func request(
        _ id: JobID, _ number: UInt64, in queue: QueueName? = nil, process: ProcessID? = nil, isForced: Bool = false
    ) -> ClaimRequest {
        ClaimRequest(
            lease: Lease(id: id, queue: queue ?? self.queue, token: token(number, process: process)),
            isForced: isForced)
    }

    func claim(
        _ id: JobID, _ number: UInt64, process: ProcessID? = nil, isForced: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ClaimVerdict {
        let verdicts = try await ledger.claim(
            [request(id, number, process: process, isForced: isForced)], process: process ?? self.process)
        #expect(verdicts.count == 1, sourceLocation: sourceLocation)
        return try #require(verdicts.first, sourceLocation: sourceLocation)
    }

    /// Claims, and expects an attempt of this number.
    func start(
        _ id: JobID, _ number: UInt64, attempt: Int = 1, process: ProcessID? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let verdict = try await claim(id, number, process: process, sourceLocation: sourceLocation)
        guard case .run(let claim) = verdict else {
            Issue.record("claim was answered \(verdict)", sourceLocation: sourceLocation)
            return
        }
        #expect(claim.attempt == attempt, sourceLocation: sourceLocation)
    }

    /// Claims for a process in which nothing else runs, and expects an attempt of this number.
    func startAlone(
        _ id: JobID, _ number: UInt64, attempt: Int = 1, process: ProcessID? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var request = request(id, number)
        request.isAlone = true
        let verdicts = try await ledger.claim([request], process: process ?? self.process)
        guard case .run(let claim) = try #require(verdicts.first, sourceLocation: sourceLocation) else {
            Issue.record("claim was answered \(verdicts)", sourceLocation: sourceLocation)
            return
        }
        #expect(claim.attempt == attempt, sourceLocation: sourceLocation)
    }

    /// Accepts a job and starts its first attempt.
    func startFresh(
        maxAttempts: Int = Limits.maxAttempts, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> NewJob {
        let job = try await job(maxAttempts: maxAttempts)
        try await accept(job, sourceLocation: sourceLocation)
        try await start(job.id, 1, sourceLocation: sourceLocation)
        return job
    }

    /// What expires now of this case's jobs.
    func expire() async throws -> [ExpiredJob] {
        try await ledger.expire(limit: Limits.storeBatchMax).filter { $0.queue == queue || $0.queue == otherQueue }
    }

    func record(_ id: JobID, _ attempt: Int, _ ending: Outcome.Ending) async throws -> RecordVerdict {
        let verdicts = try await ledger.record([Outcome(id: id, attempt: attempt, ending: ending)])
        #expect(verdicts.count == 1)
        return try #require(verdicts.first)
    }

    func row(_ id: JobID, sourceLocation: SourceLocation = #_sourceLocation) async throws -> JobRecord {
        try #require(try await ledger.jobs([id])[id], sourceLocation: sourceLocation)
    }

    func unfinished(in queue: QueueName? = nil) async throws -> [UnfinishedJob] {
        try await ledger.unfinished(
            age: .seconds(-600) ..< .seconds(10 * 86_400), in: queue ?? self.queue, after: nil, limit: 500)
    }

    func flagged() async throws -> [UnfinishedJob] {
        try await ledger.flagged(limit: 500).filter { $0.queue == queue || $0.queue == otherQueue }
    }

    /// What is pushed of a job that has not ended.
    func pushable(_ id: JobID, sourceLocation: SourceLocation = #_sourceLocation) async throws -> QueuedJob {
        let jobs = try await ledger.pushable([id], bytesMax: 1)
        return try #require(jobs.first, sourceLocation: sourceLocation).job
    }

    /// The rows as a relay reads them before it pushes.
    func versions(_ ids: [JobID]) async throws -> [JobID: RowVersion] {
        let jobs = try await ledger.pushable(ids, bytesMax: 1 << 20)
        return Dictionary(uniqueKeysWithValues: jobs.map { ($0.job.id, $0.version) })
    }

    static let completed = Outcome.Ending.completed(Array("{}".utf8))
}

extension Timestamp {
    /// Within a minute, since a real clock runs on while a case runs.
    func isNear(_ other: Timestamp?) -> Bool {
        guard let other else { return false }
        return abs((self - other).milliseconds) < 60_000
    }
}

extension Duration {
    /// What may be left of a time of which nothing but the case's own run has passed.
    func isLeft(of whole: Duration) -> Bool {
        self <= whole && self > whole - .seconds(30)
    }
}
