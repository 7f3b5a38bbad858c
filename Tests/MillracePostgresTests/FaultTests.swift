// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

/// Connections die under every verb. What is unknown is resolved by repeating the call, and then it has happened once.
@Suite("Faults", .needsPostgres) struct FaultTests {
    @Test func `whatever is killed, jobs that are accepted are recorded exactly once`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let jobs = Samples.jobs(2000)
            let isDone = Shared(false)
            let kills = Shared(0)

            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Sessions of other tests, and the killer's own, are left alone.
                    let kill = """
                        SELECT count(pg_terminate_backend(pid)) FROM (
                            SELECT pid FROM pg_stat_activity
                            WHERE datname = current_database() AND application_name = 'millrace'
                                AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                            ORDER BY random() LIMIT 2) AS victim
                        """
                    while !isDone.value {
                        let killed = (try? await database.count(kill)) ?? 0
                        kills.change { $0 += killed }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { workers in
                    for worker in 0..<8 {
                        workers.addTask {
                            for start in stride(from: worker * 250, to: (worker + 1) * 250, by: 25) {
                                try await Self.run(Array(jobs[start..<(start + 25)]), ledger)
                            }
                        }
                    }
                    try await workers.waitForAll()
                }
                isDone.value = true
                try await group.waitForAll()
            }

            #expect(kills.value > 10)
            let rows = try await ledger.jobs(jobs.map(\.id))
            #expect(rows.count == jobs.count)
            #expect(rows.values.allSatisfy { $0.state == .completed && $0.attempt == 1 && $0.crashes == 0 })
            let counted = try await ledger.finishedCounts()[Samples.queue]
            #expect(counted?.completedLastDay == jobs.count)
        }
    }

    @Test func `a ledger lives through a restart of its server`() async throws {
        try await OwnServer.with { server in
            let database = TestDatabase(url: try server.url)
            _ = try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger)
            try await database.withLedger { ledger in
                let jobs = Samples.jobs(20)
                try await ledger.start(jobs[0])
                try await server.stop()
                let error = await #expect(throws: LedgerError.self) { try await ledger.accept([jobs[1]]) }
                #expect(error?.code == .unavailable)
                try await server.start()

                try await Self.run(jobs, ledger)

                let rows = try await ledger.jobs(jobs.map(\.id))
                #expect(rows.values.filter { $0.state == .completed && $0.attempt == 1 }.count == jobs.count)
            }
        }
    }

    @Test func `a server that does not answer is given up in time`() async throws {
        try await OwnServer.with { server in
            let database = TestDatabase(url: try server.url)
            _ = try await PostgresLedger.migrate(database.configuration, logger: TestDatabase.logger)
            try await database.withLedger { configuration in
                configuration.acceptTimeout = .milliseconds(800)
                configuration.callTimeout = .seconds(1)
            } _: { ledger in
                try await ledger.accept([Samples.job()])
                try await server.freeze()

                let untilTold = await Self.refusals(50, ledger)
                let onceKnown = await Self.refusals(50, ledger)

                #expect(untilTold.allSatisfy { $0 < .seconds(3) })
                // All but the one who tries again.
                #expect(onceKnown.sorted().dropLast().allSatisfy { $0 < .milliseconds(400) }, "\(onceKnown)")
                try await server.thaw()
                try await Self.run(Samples.jobs(5), ledger)
            }
        }
    }

    @Test func `a row that somebody holds does not hold up its neighbours`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let jobs = Samples.jobs(20)
            try await ledger.accept(jobs)
            let lock = PostgresStatement(
                name: "lock", sql: "SELECT FROM millrace.job_rows WHERE id = $1 FOR UPDATE")

            try await ledger.handlers.transaction(deadline: .seconds(30)) { transaction in
                try transaction.query(lock, [.uuid(jobs[7].id.bytes)])
                let verdicts = try Waiting.result {
                    try await ledger.claim(jobs.map { Samples.request($0.id) }, process: Samples.process)
                }
                for (index, verdict) in verdicts.enumerated() {
                    if index == 7 {
                        #expect(verdict == .notDue(.seconds(1)))
                    } else {
                        #expect(verdict == .run(Claim(attempt: 1, failures: 0, maxAttempts: Limits.maxAttempts)))
                    }
                }
            }
        }
    }

    /// How long each of some submissions at the same time waits to be refused.
    private static func refusals(_ count: Int, _ ledger: PostgresLedger) async -> [Duration] {
        await withTaskGroup(of: Duration.self) { group in
            for _ in 0..<count {
                group.addTask {
                    let began = ContinuousClock.now
                    let error = await #expect(throws: LedgerError.self) { try await ledger.accept([Samples.job()]) }
                    #expect([.outcomeUnknown, .unavailable].contains(error?.code))
                    return ContinuousClock.now - began
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Accepts, claims and completes jobs, and repeats whatever fails.
    private static func run(_ jobs: [NewJob], _ ledger: PostgresLedger) async throws {
        try await repeating { () throws(LedgerError) in try await ledger.accept(jobs) }
        let requests = jobs.map { Samples.request($0.id) }
        let claims = try await repeating { () throws(LedgerError) in
            try await ledger.claim(requests, process: Samples.process)
        }
        #expect(
            claims.allSatisfy { if case .run(let claim) = $0 { claim.attempt == 1 } else { $0 == .final(.completed) } })
        let outcomes = jobs.map { Samples.completed($0.id) }
        let verdicts = try await repeating { () throws(LedgerError) in try await ledger.record(outcomes) }
        #expect(verdicts.allSatisfy { $0 == .recorded(.completed) || $0 == .settled(.completed) })
    }

    private static func repeating<Value>(_ call: () async throws(LedgerError) -> Value) async throws -> Value {
        let limit = ContinuousClock.now + .seconds(60)
        while true {
            do throws(LedgerError) {
                return try await call()
            } catch {
                guard [.unavailable, .outcomeUnknown].contains(error.code), ContinuousClock.now < limit else {
                    throw error
                }
                await Task.yield()
            }
        }
    }
}
