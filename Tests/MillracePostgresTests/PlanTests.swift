// SPDX-License-Identifier: Apache-2.0

import Millrace
import PostgresDriver
import Testing

@testable import MillracePostgres

/// No plan may depend on what statistics say: fresh partitions have none, and a plan that was made for an empty table
/// is kept while the table grows.
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

    @Test func `plans are the same whatever the statistics say`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            for state in TableState.allCases {
                try await state.establish(in: database)
                for name in Self.writers {
                    try expectOrderedLookUps(in: await plan(of: name, in: ledger), "\(name), \(state)")
                }
                for name in Self.readers {
                    try expectLookUps(in: await plan(of: name, in: ledger), "\(name), \(state)")
                }
                for name in Self.walkers {
                    let plan = try await plan(of: name, in: ledger)
                    #expect(!plan.contains { $0.contains("Seq Scan on job_rows") }, "\(name), \(state)")
                }
                for name in ["list-unfinished", "list-jobs", "find-running", "count-flagged", "expire-jobs"] {
                    let plan = try await plan(of: name, in: ledger)
                    // `Sort Key` is also what is merged by.
                    #expect(!plan.contains { $0.hasSuffix("Sort") }, "\(name), \(state)")
                }
                // Not a walk along all rows in the order of their ids.
                let expiring = try await plan(of: "expire-jobs", in: ledger)
                #expect(expiring.contains { $0.contains("_expires_at_idx") }, "\(state)")
            }
            try await expectFewPages(ledger)
        }
    }

    @Test func `what waits for the relay costs others nothing, and itself a page`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            // Three queues of which one has nearly all, and forty with a few in each priority.
            try await database.run(
                """
                INSERT INTO millrace.job_rows (
                    id, created_at, due_at, state, timeout_ms, max_attempts, priority, flagged, queue, kind, payload)
                SELECT
                    (left(millrace.least_id(now() - number * interval '1 millisecond')::text, 24)
                        || lpad(to_hex(number), 12, '0'))::uuid,
                    now(), now(), 'ready', 600000, 20, number % 4, number % 1000 <> 0,
                    CASE WHEN number % 100 = 0 THEN 'few' || (number / 100 % 2) WHEN number < 4000 THEN 'q' || number / 100
                        ELSE 'most' END,
                    'samples.test', '{}'
                FROM generate_series(1, 200000) AS number
                """)
            try await database.run("VACUUM ANALYZE millrace.job_rows")

            let unfinished = try await pages(
                "list-unfinished", "NULL, NULL, -300000, 3600000, NULL, 100", rows: 100, ledger)
            let ofQueue = try await pages(
                "list-unfinished", "NULL, NULL, -300000, 3600000, 'few1', 100", rows: 0...100, ledger)
            let running = try await pages(
                "find-running", "7, '', '00000000-0000-0000-0000-000000000000', 20000", rows: 0, ledger)
            let flagged = try await pages("list-flagged", "100", rows: 100, ledger)
            let counted = try await pages("count-flagged", "1000", rows: 43, ledger)

            #expect(unfinished < 1_000 && ofQueue < 1_000 && running < 1_000)
            #expect(flagged < 20_000, "\(flagged)")
            #expect(counted < 5_000, "\(counted)")
        }
    }

    /// Pages that a statement reads.
    private func pages(
        _ name: String, _ parameters: String, rows: some RangeExpression<Int> & Sendable, _ ledger: PostgresLedger
    ) async throws -> Int {
        let statement = try #require(Statements.all.first { $0.name == name })
        let plan = try await ledger.general.transaction(deadline: .seconds(60)) { transaction in
            try transaction.run(script: "PREPARE measured AS \(statement.sql)")
            let lines = try transaction.lines(
                "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE measured(\(parameters))")
            try transaction.run(script: "DEALLOCATE measured")
            return lines
        }
        let returned = plan.first?.split(separator: "rows=").last.flatMap { Int($0.prefix { $0.isNumber }) }
        #expect(returned.map { rows.contains($0) } == true, "\(name): \(plan.first ?? "")")
        let buffers = try #require(plan.first { $0.contains("Buffers: ") })
        let counts = buffers.split(separator: " ").compactMap { part in
            part.split(separator: "=").last.flatMap { Int($0) }
        }
        return counts.reduce(0, +)
    }

    private func pages(
        _ name: String, _ parameters: String, rows: Int, _ ledger: PostgresLedger
    ) async throws -> Int {
        try await pages(name, parameters, rows: rows...rows, ledger)
    }

    private static let writers = ["claim-jobs", "record-outcomes", "end-unclaimable", "clear-flags", "mark-suspects"]
    private static let readers = [
        "read-lifecycles", "read-jobs", "read-summaries", "read-pushable", "find-free", "blame-process",
    ]
    private static let walkers = [
        "list-flagged", "list-unfinished", "list-jobs", "find-horizon", "find-running", "count-flagged",
    ]

    private func expectLookUps(in plan: [String], _ what: Comment) throws {
        let scans = plan.filter { $0.contains("job_rows") && $0.contains("Scan") }
        #expect(!scans.isEmpty, what)
        #expect(scans.allSatisfy { $0.contains("Index Scan using job_rows_") && $0.contains("_pkey") }, what)
        #expect(!plan.contains { $0.contains("Materialize") || $0.contains("Hash Join") }, what)
    }

    /// Also in the order of the parameters: otherwise two writers could lock rows in different orders.
    private func expectOrderedLookUps(in plan: [String], _ what: Comment) throws {
        try expectLookUps(in: plan, what)
        let join = try #require(plan.lastIndex { $0.contains("Nested Loop") }, what)
        #expect(plan[join + 1].contains("Function Scan"), what)
        #expect(plan[join + 2].contains("Append"), what)
    }

    /// A claim of a hundred jobs among a million.
    private func expectFewPages(_ ledger: PostgresLedger) async throws {
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
                EXECUTE claim('{\(ids)}', '{\(tokens)}', '{\(flags)}', '{samples}', 7, '{\(flags)}', 1)
                """)
        }

        let update = try #require(plan.first)
        #expect(update.contains("rows=100"))
        let hits = try #require(plan.first { $0.contains("Buffers: shared hit=") })
        let count = try #require(hits.split(separator: "hit=").last.flatMap { Int($0.prefix { $0.isNumber }) })
        #expect(count < 100 * 20, "pages touched: \(hits)")
    }

    private func plan(of name: String, in ledger: PostgresLedger) async throws -> [String] {
        let statement = try #require(Statements.all.first { $0.name == name })
        return try await ledger.general.transaction(deadline: .seconds(30)) { transaction in
            try transaction.run(script: "PREPARE planned AS \(statement.sql)")
            let types = try transaction.query(
                PostgresStatement(
                    name: "types",
                    sql: "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'planned'"))
            let count = try types.rows.first?.integer(0) ?? 0
            let nulls = [String](repeating: "NULL", count: count).joined(separator: ", ")
            let lines = try transaction.lines("EXPLAIN (COSTS OFF) EXECUTE planned(\(nulls))")
            try transaction.run(script: "DEALLOCATE planned")
            return lines
        }
    }
}

/// What the planner may meet.
enum TableState: CaseIterable {
    /// As the partitions are made.
    case fresh
    /// Analysed while they were empty.
    case analysedEmpty
    /// A million more rows that nobody has counted yet.
    case millionUncounted
    case million

    func establish(in database: TestDatabase) async throws {
        switch self {
        case .fresh: break
        case .analysedEmpty: try await database.run("VACUUM ANALYZE millrace.job_rows")
        case .millionUncounted: try await insertMillion(in: database)
        case .million: try await database.run("VACUUM ANALYZE millrace.job_rows")
        }
    }

    private func insertMillion(in database: TestDatabase) async throws {
        try await database.run(
            """
            INSERT INTO millrace.job_rows (
                id, created_at, due_at, state, finished_at, timeout_ms, max_attempts, priority, flagged, queue, kind,
                payload)
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
