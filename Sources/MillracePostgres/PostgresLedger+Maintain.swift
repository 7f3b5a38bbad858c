// SPDX-License-Identifier: Apache-2.0

import Logging
public import Millrace
import PostgresDriver

extension PostgresLedger {
    /// Makes partitions first: what is forgotten late hurts nobody.
    public func maintain() async throws(LedgerError) {
        let timeout = configuration.maintenanceTimeout
        let made = try await run(Statements.makePartitions, within: timeout)
        if let count = try decoding({ () throws(PostgresError) in try made.rows.first?.integer(0) }), count > 1 {
            logger.warning("partitions of job_rows were missing and have been made", metadata: [.count: "\(count)"])
        }
        for _ in 0..<Self.pruneRoundsMax {
            let forgotten = try await run(
                Statements.forgetKeys,
                [.int8(Limits.idempotencyRetention.milliseconds), .int8(Self.pruneRowsMax)], within: timeout)
            let pruned = try await run(
                Statements.pruneJobs,
                [
                    .int8(configuration.retention.milliseconds), .int8(configuration.retentionBytes),
                    .int4(Int32(Self.pruneRowsMax)),
                ], within: timeout)
            let count = try decoding { () throws(PostgresError) in try pruned.rows.first?.int8(0) ?? 0 }
            if count == 0, forgotten.affectedRows < Self.pruneRowsMax { break }
        }
        try await run(
            Statements.forgetAPIKeys, [.int8(Limits.apiKeyRetention.milliseconds)], within: timeout)
    }

    public func expire(limit: Int) async throws(LedgerError) -> [ExpiredJob] {
        let result = try await run(
            Statements.expireJobs, [.int8(Int64(limit))], within: configuration.maintenanceTimeout)
        if result.rowCount > 0 { Failpoint.reached(.expiredNotTold) }
        return try decoding { () throws(PostgresError) in
            var expired: [ExpiredJob] = []
            for row in result.rows {
                expired.append(
                    ExpiredJob(id: try row.jobID(0), queue: try row.queue(1), token: try row.tokenIfPresent(2)))
            }
            return expired
        }
    }

    /// Rows deleted by one statement: few enough to be over in a second.
    private static let pruneRowsMax: Int64 = 5000
    /// What is left waits for the next time.
    private static let pruneRoundsMax = 200
}
