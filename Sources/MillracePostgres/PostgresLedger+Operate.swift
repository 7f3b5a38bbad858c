// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func cancel(_ id: JobID) async throws(LedgerError) -> CancelVerdict {
        Failpoint.reached(.cancelNotCommitted)
        let result = try await run(Statements.cancelJob, [.uuid(id.bytes)])
        Failpoint.reached(.cancelledNotTold)
        return try decoding { () throws(PostgresError) in
            guard let row = result.rows.first else { return .missing }
            let (before, queue) = (try row.state(0), try row.queue(1))
            let token = try row.tokenIfPresent(2)
            if before.isFinal { return .final(before, queue: queue, token: token) }
            return .cancelled(queue: queue, token: token, wasRunning: before == .running)
        }
    }

    public func flagAgain(_ ids: [JobID]) async throws(LedgerError) {
        precondition(ids.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) ids in one call")
        guard !ids.isEmpty else { return }
        try await run(Statements.flagAgain, [.uuidArray(Set(ids).sorted().map(\.bytes))])
    }

    public func reopen(_ id: JobID) async throws(LedgerError) -> ReopenVerdict {
        Failpoint.reached(.reopenNotCommitted)
        let result = try await run(Statements.reopenJob, [.uuid(id.bytes), .int8(shard)])
        Failpoint.reached(.reopenedNotTold)
        return try decoding { () throws(PostgresError) in
            guard let row = result.rows.first else { return .missing }
            let before = try row.state(0)
            if before.isFinal { return .reopened(queue: try row.queue(1)) }
            return .notFinal(before.shown(dueAt: try row.time(2), now: try row.time(3)))
        }
    }

    public func blame(_ crash: ProcessCrash) async throws(LedgerError) -> Blame {
        let ids: [JobID]
        if let alone = crash.alone { ids = [alone] } else { ids = try await running(in: crash.process) }
        guard !ids.isEmpty else { return Blame() }
        let result = try await run(
            Statements.blameProcess,
            [
                .int8(Int64(bitPattern: crash.process.number)), .bool(crash.alone != nil), .bool(crash.isCertain),
                .json(OutcomeColumns.error(crash.report)), .json(OutcomeColumns.error(crash.lastReport)),
                .int4(Int32(clamping: Limits.loneRunsMax)), .int8(shard), .uuidArray(ids.sorted().map(\.bytes)),
            ], within: configuration.maintenanceTimeout)
        return try decoding { () throws(PostgresError) in
            var blame = Blame()
            for row in result.rows {
                guard let token = try row.tokenIfPresent(2) else { continue }
                let lease = Lease(id: try row.jobID(0), queue: try row.queue(1), token: token)
                if try row.state(3) == .dead { blame.buried.append(lease) } else { blame.suspects.append(lease) }
            }
            blame.suspects.sort { $0.id < $1.id }
            return blame
        }
    }

    /// What a process runs; it has ended, so nothing is added behind a page that was read.
    private func running(in process: ProcessID) async throws(LedgerError) -> [JobID] {
        var ids: [JobID] = []
        var after: (queue: String, id: [UInt8])? = ("", [UInt8](repeating: 0, count: 16))
        while let position = after {
            let page = try await run(
                Statements.findRunning,
                [
                    .int8(Int64(bitPattern: process.number)), .text(position.queue), .uuid(position.id),
                    .int8(Self.runningRowsMax),
                ])
            after = nil
            try decoding { () throws(PostgresError) in
                for row in page.rows {
                    let id = try row.jobID(0)
                    if try row.bool(2) { ids.append(id) }
                    if try row.bool(3) { after = (try row.text(1), id.bytes) }
                }
            }
        }
        return ids
    }

    /// Rows that one page reads: some hundredths of a second.
    private static let runningRowsMax: Int64 = 20_000
}
