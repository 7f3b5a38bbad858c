// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver
import Testing

@testable import MillracePostgres

/// No plan may depend on what statistics say: fresh partitions have none, and a plan that was made for an empty table is kept
/// while the table grows.
@Suite("Plans", .needsPostgres) struct PlanTests {
    @Test func `every statement can be prepared`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            try await ledger.general.transaction(deadline: .seconds(30)) { transaction in
                for statement in Statements.all {
                    try transaction.run(script: "PREPARE \"\(statement.name)\" AS \(statement.sql)")
                }
            }
        }
    }

    @Test(arguments: [
        "claim-jobs", "record-outcomes", "end-unclaimable", "clear-flags", "read-lifecycles", "read-jobs",
    ])
    func `rows are looked up by their primary key, whatever the statistics`(_ name: String) async throws {
        try await TestDatabase.withLedger { ledger, database in
            for state in TableState.allCases {
                try await state.establish(in: database)

                let plan = try await plan(of: name, in: ledger)

                let scans = plan.filter { $0.contains("job_rows") && $0.contains("Scan") }
                #expect(!scans.isEmpty)
                #expect(
                    scans.allSatisfy { $0.contains("Index Scan using job_rows_") && $0.contains("_pkey") }, "\(state)")
                #expect(!plan.contains { $0.contains("Materialize") || $0.contains("Hash Join") }, "\(state)")
            }
        }
    }

    /// Otherwise two writers could lock rows in different orders.
    @Test(arguments: ["claim-jobs", "record-outcomes", "end-unclaimable", "clear-flags"])
    func `rows are locked in the order of the parameters`(_ name: String) async throws {
        try await TestDatabase.withLedger { ledger, database in
            for state in TableState.allCases {
                try await state.establish(in: database)

                let plan = try await plan(of: name, in: ledger)

                let join = try #require(plan.firstIndex { $0.contains("Nested Loop") && !$0.contains("LockRows") })
                let joins = plan.indices.filter { plan[$0].contains("Nested Loop") }
                let last = try #require(joins.last)
                #expect(join <= last)
                #expect(plan[last + 1].contains("Function Scan"), "\(state): the parameters are the outer side")
                #expect(plan[last + 2].contains("Append"), "\(state): the rows are the inner side")
            }
        }
    }

    @Test func `relay, sweep and listing walk along an index`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            for state in TableState.allCases {
                try await state.establish(in: database)
                for name in ["list-flagged", "list-unfinished", "list-jobs", "find-horizon", "blame-process"] {
                    let plan = try await plan(of: name, in: ledger)
                    #expect(!plan.contains { $0.contains("Seq Scan on job_rows") }, "\(name), \(state)")
                }
                let unfinished = try await plan(of: "list-unfinished", in: ledger)
                #expect(!unfinished.contains { $0.contains("Sort") }, "\(state)")
                let listed = try await plan(of: "list-jobs", in: ledger)
                #expect(!listed.contains { $0.contains("Sort") }, "\(state)")
            }
        }
    }

    @Test func `a claim among a million rows touches those it wants`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await TableState.million.establish(in: database)
            let jobs = Samples.jobs(100)
            try await ledger.accept(jobs)
            let ids = jobs.map(\.id).sorted().map { "\"\($0)\"" }.joined(separator: ",")
            let tokens = jobs.map { _ in "\"\\\\x00\"" }.joined(separator: ",")
            let flags = jobs.map { _ in "f" }.joined(separator: ",")

            let plan = try await ledger.general.transaction(deadline: .seconds(30)) { transaction in
                try transaction.run(script: "PREPARE claim AS \(Statements.claimJobs.sql)")
                return try transaction.lines(
                    """
                    EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF)
                    EXECUTE claim('{\(ids)}', '{\(tokens)}', '{\(flags)}', '{samples}', 7)
                    """)
            }

            let update = try #require(plan.first)
            #expect(update.contains("rows=100"))
            let hits = try #require(plan.first { $0.contains("Buffers: shared hit=") })
            let count = try #require(hits.split(separator: "hit=").last.flatMap { Int($0.prefix { $0.isNumber }) })
            #expect(count < 100 * 20, "pages touched: \(hits)")
        }
    }

    private func plan(of name: String, in ledger: PostgresLedger) async throws -> [String] {
        let statement = try #require(Statements.all.first { $0.name == name })
        return try await ledger.general.transaction(deadline: .seconds(30)) { transaction in
            try transaction.run(script: "DEALLOCATE PREPARE ALL; PREPARE planned AS \(statement.sql)")
            let types = try transaction.query(
                PostgresStatement(
                    name: "types",
                    sql: "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'planned'"))
            let count = try types.rows.first?.integer(0) ?? 0
            let nulls = [String](repeating: "NULL", count: count).joined(separator: ", ")
            return try transaction.lines("EXPLAIN (COSTS OFF) EXECUTE planned(\(nulls))")
        }
    }
}

/// What the planner may meet.
enum TableState: CaseIterable {
    /// As the partitions are made.
    case fresh
    /// Analysed while they were empty.
    case analysedEmpty
    /// A million rows that nobody has counted yet.
    case millionUncounted
    case million

    func establish(in database: TestDatabase) async throws {
        switch self {
        case .fresh: break
        case .analysedEmpty: try await database.run("VACUUM ANALYZE millrace.job_rows")
        case .millionUncounted:
            try await insertMillion(in: database)
        case .million:
            if try await database.count("SELECT count(*)::integer FROM (SELECT FROM millrace.job_rows LIMIT 1) AS one")
                == 0
            {
                try await insertMillion(in: database)
            }
            try await database.run("VACUUM ANALYZE millrace.job_rows")
        }
    }

    private func insertMillion(in database: TestDatabase) async throws {
        try await database.run(
            """
            INSERT INTO millrace.job_rows (
                id, created_at, due_at, state, finished_at, timeout_ms, max_attempts, priority, flagged, queue, kind, payload)
            SELECT
                (left(millrace.least_id(now() - number * interval '10 milliseconds')::text, 24)
                    || lpad(to_hex(number), 12, '0'))::uuid,
                now(), now(), 'completed', now(), 600000, 20, 2, false, 'old', 'samples.test', '{}'
            FROM generate_series(1, 1000000) AS number
            """)
    }
}

extension PostgresTransaction {
    fileprivate func lines(_ sql: String) throws -> [String] {
        try query(PostgresStatement(name: "explain", sql: sql)).rows.map { try $0.text(0) }
    }
}
