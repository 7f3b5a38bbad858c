// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("Pause", .needsPostgres) struct PauseTests {
    @Test func `no claim is granted after a pause has returned`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await database.withLedger { operatorsLedger in
                let jobs = Samples.jobs(40)
                try await ledger.accept(jobs)
                let pausedRounds = Shared(0)
                let isDone = Shared(false)

                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<3 as Range<UInt64> {
                        group.addTask {
                            var token = number
                            while !isDone.value {
                                token += 3
                                let before = pausedRounds.value
                                let verdicts = try await ledger.claim(
                                    jobs.map { Samples.request($0.id, token: token) }, process: Samples.process)
                                let after = pausedRounds.value
                                // Odd means paused: for the whole time of the claim, if nothing changed meanwhile.
                                guard before == after, before % 2 == 1 else { continue }
                                #expect(!verdicts.contains { if case .run = $0 { true } else { false } })
                            }
                        }
                    }
                    for _ in 0..<60 {
                        try await operatorsLedger.setPaused(true, queue: Samples.queue)
                        pausedRounds.change { $0 += 1 }
                        let attempts = try await Self.attempts(database)
                        for _ in 0..<3 { #expect(try await Self.attempts(database) == attempts) }
                        pausedRounds.change { $0 += 1 }
                        try await operatorsLedger.setPaused(false, queue: Samples.queue)
                    }
                    isDone.value = true
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `a pause waits for a claim that is under way, and hinders no other`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let job = Samples.job()
            try await ledger.accept([job, Samples.job(queue: "elsewhere")])
            let claimed = TestSignal<Void>()
            let mayCommit = DispatchSemaphore(value: 0)
            let hasReturned = Shared(false)

            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // As a claim does, but slower.
                    let lock = PostgresStatement(
                        name: "lock", sql: "SELECT FROM millrace.queues WHERE name = 'samples' FOR KEY SHARE")
                    try await ledger.handlers.transaction(deadline: .seconds(20)) { transaction in
                        try transaction.query(lock)
                        claimed.signal()
                        mayCommit.wait()
                        #expect(!hasReturned.value)
                    }
                }
                try await claimed.next()
                group.addTask {
                    try await ledger.setPaused(true, queue: Samples.queue)
                    hasReturned.value = true
                }
                // The pause itself is committed at once: what begins from now on is refused, while the other still
                // runs.
                await eventually("the queue is paused") {
                    (try? await ledger.queues())?.contains { $0.queue == Samples.queue && $0.isPaused } == true
                }
                #expect(try await ledger.claim([Samples.request(job.id)], process: Samples.process) == [.paused])
                #expect(!hasReturned.value)
                mayCommit.signal()
                try await group.waitForAll()
            }
            #expect(hasReturned.value)
        }
    }

    private static func attempts(_ database: TestDatabase) async throws -> Int {
        try await database.count("SELECT sum(attempt)::integer FROM millrace.job_rows")
    }
}
