// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

/// What relay, sweep and rebuild read.
extension PostgresLedger {
    public func flagged(limit: Int) async throws(LedgerError) -> [UnfinishedJob] {
        try unfinished(in: await run(Statements.listFlagged, [.int8(Int64(limit))]))
    }

    public func pushable(_ ids: [JobID], bytesMax: Int) async throws(LedgerError) -> [PushableJob] {
        precondition(ids.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) ids in one call")
        guard !ids.isEmpty else { return [] }
        let result = try await run(
            Statements.readPushable, [.uuidArray(ids.map(\.bytes)), .int8(Int64(bytesMax))],
            within: configuration.maintenanceTimeout)
        return try decoding { () throws(PostgresError) in
            var jobs: [PushableJob] = []
            for row in result.rows { jobs.append(try PushableJob(row)) }
            return jobs
        }
    }

    public func clearFlags(_ pushed: [JobID: RowVersion]) async throws(LedgerError) {
        guard !pushed.isEmpty else { return }
        let ordered = pushed.sorted { $0.key < $1.key }
        try await run(
            Statements.clearFlags, [.uuidArray(ordered.map(\.key.bytes)), .int8Array(ordered.map(\.value.number))])
    }

    public func unfinished(
        age: Range<Duration>, in queue: QueueName?, after: UnfinishedJob?, limit: Int
    ) async throws(LedgerError) -> [UnfinishedJob] {
        let ages = [age.lowerBound, age.upperBound].map { duration in
            // Within what the server's calendar can add.
            Int64(min(max(duration.milliseconds, -Self.ageMillisecondsMax), Self.ageMillisecondsMax))
        }
        let result = try await run(
            Statements.listUnfinished,
            [
                .text(after?.queue.name), .uuid(after?.id.bytes), .int8(ages[0]), .int8(ages[1]), .text(queue?.name),
                .int8(Int64(limit)),
            ],
            within: configuration.maintenanceTimeout)
        return try unfinished(in: result)
    }

    /// A hundred years.
    private static let ageMillisecondsMax: Int64 = 100 * 365 * 86_400_000

    private func unfinished(in result: PostgresResult) throws(LedgerError) -> [UnfinishedJob] {
        try decoding { () throws(PostgresError) in
            var jobs: [UnfinishedJob] = []
            for row in result.rows { jobs.append(try UnfinishedJob(row)) }
            return jobs
        }
    }
}
