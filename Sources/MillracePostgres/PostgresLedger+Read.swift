// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func summaries(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobSummary] {
        let result = try await run(Statements.readSummaries, [.uuidArray(Set(ids).sorted().map(\.bytes))])
        return try decoding { () throws(PostgresError) in
            var summaries: [JobID: JobSummary] = [:]
            for row in result.rows {
                let summary = try JobSummary(row)
                summaries[summary.id] = summary
            }
            return summaries
        }
    }

    public func jobs(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobRecord] {
        let result = try await run(Statements.readJobs, [.uuidArray(Set(ids).sorted().map(\.bytes))])
        return try decoding { () throws(PostgresError) in
            var records: [JobID: JobRecord] = [:]
            for row in result.rows {
                let record = try JobRecord(row)
                records[record.id] = record
            }
            return records
        }
    }

    public func list(_ query: JobQuery) async throws(LedgerError) -> JobPage {
        let limit = min(max(query.limit, 1), Limits.storeBatchMax)
        let before = PostgresValue.uuid(query.before?.bytes)
        let result = try await run(
            Statements.listJobs,
            [
                before, .text(query.queue?.name), .text(query.kind?.name), .text(query.state?.rawValue),
                .int8(Self.listedRowsMax), .int8(Int64(limit)), .names(query.visibleQueues),
            ])
        let jobs = try decoding { () throws(PostgresError) in
            var jobs: [JobSummary] = []
            for row in result.rows { jobs.append(try JobSummary(row)) }
            return jobs
        }
        // A full page goes on behind its last job, a short one behind the last row that was read: if there are more.
        let last = jobs.count == limit ? jobs.last?.id : nil
        let horizon = try await run(
            Statements.findHorizon,
            [last.map { .uuid($0.bytes) } ?? before, .int8(last == nil ? Self.listedRowsMax - 1 : 0)])
        return try decoding { () throws(PostgresError) in
            if let last { return JobPage(jobs: jobs, next: horizon.rowCount > 0 ? last : nil) }
            guard horizon.rowCount == 2, let row = horizon.rows.first else { return JobPage(jobs: jobs, next: nil) }
            return JobPage(jobs: jobs, next: try row.jobID(0))
        }
    }

    /// Rows that one page reads, at most.
    private static let listedRowsMax: Int64 = 10_000

    public func flaggedCounts() async throws(LedgerError) -> [QueueName: FlaggedCount] {
        let result = try await run(Statements.countFlagged, [.int8(Int64(Limits.flaggedCountedMax))])
        return try decoding { () throws(PostgresError) in
            var counts: [QueueName: FlaggedCount] = [:]
            for row in result.rows {
                counts[try row.queue(0)] = FlaggedCount(try row.integer(1), isExact: try row.bool(2))
            }
            return counts
        }
    }

    public func finishedCounts() async throws(LedgerError) -> [QueueName: FinishedCounts] {
        let result = try await run(Statements.countFinished)
        return try decoding { () throws(PostgresError) in
            var counts: [QueueName: FinishedCounts] = [:]
            for row in result.rows {
                counts[try row.queue(0)] = FinishedCounts(
                    completedLastHour: try row.integer(1), completedLastDay: try row.integer(2),
                    deadLastHour: try row.integer(3), deadLastDay: try row.integer(4))
            }
            return counts
        }
    }
}
