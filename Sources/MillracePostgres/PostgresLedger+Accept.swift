// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func accept(_ submission: Submission) async throws(LedgerError) -> Acceptance {
        precondition((1...Limits.batchJobsMax).contains(submission.jobs.count), "a submission has 1 to 10,000 jobs")
        Failpoint.reached(.acceptNotCommitted)
        guard let idempotency = submission.idempotency else { return try await acceptor.accept(submission) }
        guard keysInFlight.begin(idempotency) else {
            throw LedgerError(.keyInFlight, "the first request with this idempotency key is still being written")
        }
        defer { keysInFlight.end(idempotency) }
        return try await acceptor.accept(submission)
    }
}
