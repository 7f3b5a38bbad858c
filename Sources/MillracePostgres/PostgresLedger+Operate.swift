// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func cancel(_ id: JobID) async throws(LedgerError) -> CancelVerdict {
        let result = try await run(Statements.cancelJob, [.uuid(id.bytes)])
        return try decoding { () throws(PostgresError) in
            guard let row = result.rows.first else { return .missing }
            let (before, queue) = (try row.state(0), try row.queue(1))
            let token = try row.tokenIfPresent(2)
            if before.isFinal { return .final(before, queue: queue, token: token) }
            return .cancelled(queue: queue, token: token, wasRunning: before == .running)
        }
    }

    public func flagAgain(_ id: JobID) async throws(LedgerError) {
        try await run(Statements.flagAgain, [.uuid(id.bytes)])
    }

    public func reopen(_ id: JobID) async throws(LedgerError) -> ReopenVerdict {
        let result = try await run(Statements.reopenJob, [.uuid(id.bytes), .int8(shard)])
        return try decoding { () throws(PostgresError) in
            guard let row = result.rows.first else { return .missing }
            let before = try row.state(0)
            if before.isFinal { return .reopened(queue: try row.queue(1)) }
            return .notFinal(before.shown(dueAt: try row.time(2), now: try row.time(3)))
        }
    }

    public func blame(_ process: ProcessID, signal: String) async throws(LedgerError) -> [JobID] {
        let result = try await run(
            Statements.blameProcess,
            [
                .int8(Int64(bitPattern: process.number)), .text(signal), .int4(Int32(clamping: Limits.trapsMax)),
                .int8(shard),
            ], within: configuration.maintenanceTimeout)
        return try decoding { () throws(PostgresError) in
            var buried: [JobID] = []
            for row in result.rows { buried.append(try row.jobID(0)) }
            return buried.sorted()
        }
    }
}
