// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Jobs wherever they are: those of durability `redis` have no row until their first attempt has ended.
extension Stores {
    /// - Throws: ``CommandError`` with `.notFound` where neither store has it.
    func job(_ id: JobID, now: Timestamp) async throws -> JobRecord {
        if let job = try await ledger.jobs([id])[id] { return job }
        if let job = try await broker.find(id)?.record(now: now) { return job }
        // It may have ended in between.
        guard let job = try await ledger.jobs([id])[id] else { throw JobArguments.missing(id) }
        return job
    }

    /// Cancels a job in the ledger; one without a row gets one as cancelled.
    func cancel(_ id: JobID) async throws -> CancelVerdict {
        let verdict = try await ledger.cancel(id)
        guard verdict == .missing else { return verdict }
        if let unrecorded = try await broker.find(id)?.unrecorded { try await ledger.adopt([unrecorded]) }
        return try await ledger.cancel(id)
    }
}
