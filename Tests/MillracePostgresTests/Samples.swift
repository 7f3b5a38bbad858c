// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting

@testable import MillracePostgres

/// Jobs, leases and outcomes as tests need them.
enum Samples {
    static let queue: QueueName = "samples"
    static let process = ProcessID(number: 7)

    static func job(_ payload: String = "{}", queue: QueueName = queue, age: Duration = .zero) -> NewJob {
        var generator = SystemRandomNumberGenerator()
        return NewJob(
            id: JobID(at: .now() + (.zero - age), using: &generator), kind: "samples.test", queue: queue,
            payload: Array(payload.utf8))
    }

    static func jobs(_ count: Int) -> [NewJob] { (0..<count).map { job("{\"number\":\($0)}") } }

    static func request(_ id: JobID, token number: UInt64 = 1, queue: QueueName = queue) -> ClaimRequest {
        ClaimRequest(
            lease: Lease(
                id: id, queue: queue,
                token: LeaseToken(reservedAtMicroseconds: number, process: process, lane: .normal)))
    }

    static func completed(_ id: JobID, attempt: Int = 1, _ result: String = "{}") -> Outcome {
        Outcome(id: id, attempt: attempt, ending: .completed(Array(result.utf8)))
    }
}

extension PostgresLedger {
    func accept(_ jobs: [NewJob]) async throws(LedgerError) {
        _ = try await accept(Submission(jobs: jobs))
    }

    /// Accepts a job and grants its first attempt.
    func start(_ job: NewJob) async throws {
        try await accept([job])
        _ = try await claim([Samples.request(job.id, queue: job.queue)], process: Samples.process)
    }

    func job(_ id: JobID) async throws(LedgerError) -> JobRecord? { try await jobs([id])[id] }
}
