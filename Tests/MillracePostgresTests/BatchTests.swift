// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("Batches", .needsPostgres) struct BatchTests {
    @Test func `concurrent submissions share commits, and each is answered`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let jobs = Samples.jobs(2000)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for start in stride(from: 0, to: jobs.count, by: 10) {
                    group.addTask {
                        for job in jobs[start..<(start + 10)] { try await ledger.accept([job]) }
                    }
                }
                try await group.waitForAll()
            }

            #expect(try await database.count("SELECT count(*)::integer FROM millrace.job_rows") == jobs.count)
            let commits = try await database.count("SELECT count(DISTINCT xmin::text)::integer FROM millrace.job_rows")
            #expect(commits < jobs.count / 5, "\(commits) commits for \(jobs.count) submissions")
        }
    }

    @Test func `ten thousand jobs are one transaction`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await ledger.accept(Samples.jobs(Limits.batchJobsMax))

            #expect(try await database.count("SELECT count(DISTINCT xmin::text)::integer FROM millrace.job_rows") == 1)
            #expect(try await database.count("SELECT count(*)::integer FROM millrace.job_rows") == Limits.batchJobsMax)
        }
    }

    @Test func `the job at fault in a large submission is found`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            var jobs = Array(Samples.jobs(3000).shuffled())
            jobs[1234].payload = Array("{".utf8)

            let error = await #expect(throws: LedgerError.self) { try await ledger.accept(jobs) }

            #expect(error?.code == .rejected)
            #expect(error?.index == 1234)
            #expect(error?.sqlState == "22P02")
            let written = try await database.count("SELECT count(*)::integer FROM millrace.job_rows")
            #expect(written == 0)
        }
    }

    @Test func `submissions that are refused fall out of their batch alone`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let jobs = (0..<200).map { Samples.job($0 % 10 == 3 ? "{" : "{}") }

            let refused = await withTaskGroup(of: Int?.self) { group in
                for (index, job) in jobs.enumerated() {
                    group.addTask {
                        do throws(LedgerError) {
                            try await ledger.accept([job])
                            return nil
                        } catch {
                            #expect(error.code == .rejected)
                            return index
                        }
                    }
                }
                return await group.reduce(into: [Int]()) { if let index = $1 { $0.append(index) } }
            }

            #expect(refused.sorted() == jobs.indices.filter { $0 % 10 == 3 })
            let written = try await ledger.jobs(jobs.map(\.id))
            #expect(written.count == 180)
        }
    }

    @Test func `a key that another process holds hinders nobody else`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let insert = PostgresStatement(
                name: "insert", sql: "INSERT INTO millrace.idempotency VALUES ('scope', 'key', '', '')")
            let jobs = Samples.jobs(30)

            try await ledger.handlers.transaction(deadline: .seconds(60)) { transaction in
                try transaction.query(insert)
                let codes = try Waiting.result {
                    await withTaskGroup(of: LedgerError.Code?.self) { group in
                        for (index, job) in jobs.enumerated() {
                            let key = Idempotency(
                                scope: "scope", key: index == 5 ? "key" : "key \(index)", requestDigest: [1],
                                answer: [2])
                            group.addTask {
                                do throws(LedgerError) {
                                    let submission = Submission(jobs: [job], idempotency: index < 10 ? key : nil)
                                    _ = try await ledger.accept(submission)
                                    return nil
                                } catch {
                                    return error.code
                                }
                            }
                        }
                        return await group.reduce(into: [LedgerError.Code]()) { if let code = $1 { $0.append(code) } }
                    }
                }
                #expect(codes == [.keyInFlight])
            }

            let written = try await ledger.jobs(jobs.map(\.id))
            #expect(written.count == 29)
        }
    }

    @Test func `a refusal does not quote the payload`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let error = await #expect(throws: LedgerError.self) {
                try await ledger.accept([Samples.job(#"{"card": 4242secret4242}"#)])
            }

            #expect(error?.description.contains("secret") == false)
        }
    }

    @Test func `results that cannot be stored end their jobs, and no others`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            let jobs = Samples.jobs(100)
            try await ledger.accept(jobs)
            _ = try await ledger.claim(jobs.map { Samples.request($0.id) }, process: Samples.process)
            let deep = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
            let poison: [Int: [UInt8]] = [3: Array("{".utf8), 41: [0x22, 0xFF, 0x22], 97: Array(deep.utf8), 98: []]

            let verdicts = try await ledger.record(
                jobs.enumerated().map { index, job in
                    Outcome(id: job.id, attempt: 1, ending: .completed(poison[index] ?? Array("{}".utf8)))
                })

            for (index, job) in jobs.enumerated() {
                #expect(verdicts[index] == .recorded(poison[index] == nil ? .completed : .dead))
                guard poison[index] != nil else { continue }
                let row = try #require(try await ledger.job(job.id))
                #expect(row.errors.count == 1)
                #expect(row.errors.first?.message.hasPrefix("result cannot be stored: ") == true)
                #expect(row.result == nil)
            }
        }
    }

    @Test func `writers of overlapping jobs in any order never lock each other out`() async throws {
        try await TestDatabase.withLedger { first, database in
            try await database.withLedger { second in
                let jobs = Samples.jobs(300)
                try await first.accept(jobs)
                let end = ContinuousClock.now + .seconds(3)

                try await withThrowingTaskGroup(of: Int.self) { group in
                    for (number, ledger) in [first, second, first, second].enumerated() {
                        group.addTask {
                            var rounds = 0
                            var token = UInt64(number)
                            while ContinuousClock.now < end {
                                token += 4
                                let mine = Array(jobs.shuffled().prefix(150))
                                let verdicts = try await ledger.claim(
                                    mine.map { Samples.request($0.id, token: token) }, process: Samples.process)
                                let outcomes = zip(mine, verdicts).compactMap { job, verdict -> Outcome? in
                                    guard case .run(let claim) = verdict else { return nil }
                                    return Outcome(id: job.id, attempt: claim.attempt, ending: .release)
                                }
                                _ = try await ledger.record(outcomes.shuffled())
                                let read = try await ledger.pushable(mine.map(\.id), bytesMax: 1 << 20)
                                let versions = read.map { ($0.job.id, $0.version) }
                                try await ledger.clearFlags(Dictionary(uniqueKeysWithValues: versions))
                                rounds += 1
                            }
                            return rounds
                        }
                    }
                    let rounds = try await group.reduce(0, +)
                    #expect(rounds > 3)
                }
            }
            await first.close()
            await eventually("the sessions' statistics are counted") {
                ((try? await database.count(
                    "SELECT numbackends FROM pg_stat_database WHERE datname = current_database()")) ?? 9) <= 1
            }
            #expect(
                try await database.count(
                    "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()") == 0)
        }
    }
}
