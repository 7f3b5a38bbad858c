// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

/// The statements of an attempt are visible if and only if it is the recorded one.
@Suite("Transactions", .needsPostgres) struct TransactionTests {
    private struct Output: Codable, Sendable, Equatable {
        var number: Int
    }

    private struct FollowUp: Job {
        static let kind: JobKind = "samples.follow-up"
        static let defaults = JobOptions(queue: "follow-ups")
        var number: Int
    }

    private struct Refusal: Error {}

    private static let insert = PostgresStatement(name: "insert", sql: "INSERT INTO business (number) VALUES ($1)")

    @Test func `rows, follow-up jobs and the outcome are committed together`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            let output = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                try transaction.enqueue(FollowUp(number: 2))
                return Output(number: 3)
            }

            #expect(output == Output(number: 3))
            #expect(context.committedOutcome.verdict == .recorded(.completed))
            let row = try #require(try await ledger.job(context.id))
            #expect(row.state == .completed)
            #expect(row.result == Array(#"{"number":3}"#.utf8))
            #expect(try await Self.businessRows(database) == 1)
            let flagged = try await ledger.flagged(limit: 10)
            #expect(flagged.map(\.queue) == ["follow-ups"])
            let pushed = try await ledger.pushable(flagged.map(\.id), bytesMax: 1)
            #expect(pushed.first?.job.envelope.payload == Array(#"{"number":2}"#.utf8))
            #expect(try await ledger.queues().map(\.queue).contains("follow-ups"))
            #expect(try await ledger.finishedCounts()[Samples.queue]?.completedLastHour == 1)
            #expect(try await ledger.record([Samples.completed(context.id)]) == [.settled(.completed)])
        }
    }

    @Test func `a first attempt that was not claimed gets its row in the same transaction`() async throws {
        try await Self.withUnclaimedJob { ledger, database, context in
            let output = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                try transaction.enqueue(FollowUp(number: 2))
                return Output(number: 3)
            }

            #expect(output == Output(number: 3))
            let row = try #require(try await ledger.job(context.id))
            #expect((row.state, row.attempt, row.crashes) == (.completed, 1, 0))
            #expect(row.result == Array(#"{"number":3}"#.utf8))
            #expect(try await Self.businessRows(database) == 1)
            #expect(try await ledger.flagged(limit: 10).map(\.queue) == ["follow-ups"])
            #expect(try await ledger.finishedCounts()[Samples.queue]?.completedLastHour == 1)
        }
    }

    @Test func `a first attempt that was not claimed and fails in its transaction leaves no row`() async throws {
        try await Self.withUnclaimedJob { ledger, database, context in
            await #expect(throws: Refusal.self) {
                try await context.transaction { transaction -> Output in
                    try transaction.query(Self.insert, [.int4(1)])
                    throw Refusal()
                }
            }

            #expect(try await Self.businessRows(database) == 0)
            #expect(try await ledger.job(context.id) == nil)
            let failed = Outcome(
                id: context.id, attempt: 1, ending: .retry(after: .seconds(60), error: "refusal"),
                unclaimed: context.unclaimed)
            let verdicts = try await ledger.record([failed])
            #expect(verdicts == [.recorded(.scheduled)])
        }
    }

    @Test func `a first attempt that was not claimed writes rows on its way, and has one of its own then`() async throws
    {
        try await Self.withUnclaimedJob { ledger, database, context in
            try await context.write { transaction in _ = try transaction.query(Self.insert, [.int4(1)]) }

            let row = try #require(try await ledger.job(context.id))
            #expect((row.state, row.attempt) == (.running, 1))
            let output = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(2)])
                return Output(number: 3)
            }
            #expect(output == Output(number: 3))
            #expect(try await ledger.job(context.id)?.state == .completed)
            #expect(try await Self.businessRows(database) == 2)
        }
    }

    @Test func `a first attempt whose job another worker has taken over writes nothing`() async throws {
        try await Self.withUnclaimedJob { ledger, database, context in
            let job = try #require(context.unclaimed?.job)
            try await ledger.adopt([UnrecordedJob(job, .running)])
            let verdicts = try await ledger.claim([Samples.request(context.id, token: 9)], process: Samples.process)
            #expect(verdicts == [.run(Claim(attempt: 2, failures: 0, maxAttempts: job.maxAttempts))])

            await #expect(throws: RunInterrupted.self) {
                try await context.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    return Output(number: 1)
                }
            }

            #expect(try await Self.businessRows(database) == 0)
            #expect(try await ledger.job(context.id)?.state == .running)
        }
    }

    @Test func `of two copies of a first attempt one commits`() async throws {
        try await Self.withUnclaimedJob { ledger, database, context in
            let other = Self.context(of: try #require(context.unclaimed?.job), ledger, unclaimed: context.unclaimed)
            _ = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                return Output(number: 1)
            }

            await #expect(throws: RunInterrupted.self) {
                try await other.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(2)])
                    return Output(number: 2)
                }
            }

            #expect(try await Self.businessRows(database) == 1)
        }
    }

    @Test func `a step of a first attempt that was not claimed is kept`() async throws {
        try await Self.withUnclaimedJob { ledger, _, context in
            let charge = try await context.step("charge") { 7 }

            #expect(charge == 7)
            #expect(try await ledger.steps(of: context.id).map(\.name) == ["charge"])
            let row = try #require(try await ledger.job(context.id))
            #expect((row.state, row.attempt) == (.running, 1))
            let done = Outcome(
                id: context.id, attempt: 1, ending: .completed(Array("{}".utf8)), unclaimed: context.unclaimed)
            #expect(try await ledger.record([done]) == [.recorded(.completed)])
        }
    }

    @Test func `an error rolls all of it back, and comes out as it is`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            await #expect(throws: Refusal.self) {
                try await context.transaction { transaction -> Output in
                    try transaction.query(Self.insert, [.int4(1)])
                    try transaction.enqueue(FollowUp(number: 2))
                    throw Refusal()
                }
            }

            try await Self.expectNothing(ledger, database, context)
        }
    }

    @Test func `an error that the body swallows does not look like success`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            await #expect(throws: (any Error).self) {
                try await context.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    _ = try? transaction.query(PostgresStatement(name: "wrong", sql: "SELECT 1 / 0"))
                    return Output(number: 1)
                }
            }

            try await Self.expectNothing(ledger, database, context)
        }
    }

    @Test func `an attempt that was taken over writes nothing`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            _ = try await ledger.claim([Samples.request(context.id, token: 2)], process: Samples.process)

            await #expect(throws: RunInterrupted.self) {
                try await context.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    return Output(number: 1)
                }
            }

            #expect(try await Self.businessRows(database) == 0)
            #expect(context.committedOutcome.verdict == nil)
            #expect(try await ledger.job(context.id)?.attempt == 2)
        }
    }

    @Test func `nobody takes the job over while the transaction runs`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            _ = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                let verdicts = try Waiting.result {
                    try await ledger.claim([Samples.request(context.id, token: 2)], process: Samples.process)
                }
                #expect(verdicts == [.notDue(.seconds(1))])
                return Output(number: 1)
            }

            #expect(try await Self.businessRows(database) == 1)
            let verdicts = try await ledger.claim([Samples.request(context.id, token: 2)], process: Samples.process)
            #expect(verdicts == [.final(.completed)])
        }
    }

    @Test func `a run writes rows and jobs, and goes on`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            let number = try await context.write { transaction in
                try transaction.query(Self.insert, [.int4(1)])
                try transaction.enqueue(FollowUp(number: 2))
                return 3
            }

            #expect(number == 3)
            #expect(context.committedOutcome.verdict == nil)
            #expect(try await ledger.job(context.id)?.state == .running)
            #expect(try await Self.businessRows(database) == 1)
            #expect(try await ledger.flagged(limit: 10).map(\.queue) == ["follow-ups"])
            _ = try await context.transaction { transaction in
                try transaction.query(Self.insert, [.int4(4)])
                return Output(number: 5)
            }
            #expect(try await Self.businessRows(database) == 2)
        }
    }

    @Test func `a run that was taken over, and one that throws, writes nothing on its way`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            await #expect(throws: Refusal.self) {
                try await context.write { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    throw Refusal()
                }
            }
            _ = try await ledger.claim([Samples.request(context.id, token: 2)], process: Samples.process)
            await #expect(throws: RunInterrupted.self) {
                try await context.write { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    return 1
                }
            }

            #expect(try await Self.businessRows(database) == 0)
            #expect(try await ledger.job(context.id)?.attempt == 2)
        }
    }

    @Test func `a session that is killed at its commit has written nothing, and costs the job nothing`() async throws {
        try await Self.withRunningJob { ledger, database, context in
            try await database.run(
                """
                CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
                """)
            try await database.run(
                """
                CREATE CONSTRAINT TRIGGER die_at_commit AFTER INSERT ON business
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()
                """)

            await #expect(throws: RunInterrupted.self) {
                try await context.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    return Output(number: 1)
                }
            }

            try await Self.expectNothing(ledger, database, context)
        }
    }

    @Test(arguments: ["25006", "53100", "58030"])
    func `a server that can write nothing costs the job nothing`(_ state: String) async throws {
        try await Self.withRunningJob { ledger, database, context in
            try await database.run(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'it cannot' USING ERRCODE = '\(state)'; END $$
                """)
            try await database.run(
                "CREATE TRIGGER refuse BEFORE INSERT ON business FOR EACH ROW EXECUTE FUNCTION refuse()")

            await #expect(throws: RunInterrupted.self) {
                try await context.transaction { transaction in
                    try transaction.query(Self.insert, [.int4(1)])
                    return Output(number: 1)
                }
            }

            try await Self.expectNothing(ledger, database, context)
        }
    }

    @Test(arguments: [CommitProxy.Cut.beforeCommit, .afterCommit])
    func `a commit whose answer is lost is looked for, not repeated`(_ moment: CommitProxy.Cut) async throws {
        try await TestDatabase.withLedger { direct, database in
            let proxy = try CommitProxy(serverPort: try database.port)
            defer { proxy.close() }
            try await database.run("CREATE TABLE business (number integer)")
            let detoured = TestDatabase(url: try database.url(throughPort: proxy.port))
            try await detoured.withLedger { ledger in
                for number in 1...20 as ClosedRange<Int32> {
                    let job = Samples.job()
                    try await ledger.start(job)
                    let context = Self.context(of: job, ledger)
                    proxy.cutNextCommit(moment)

                    let result = await Result<Output, any Error>.of {
                        try await context.transaction { transaction in
                            try transaction.query(Self.insert, [.int4(number)])
                            return Output(number: 1)
                        }
                    }

                    #expect(proxy.hasCut)
                    let rows = try await database.count(
                        "SELECT count(*)::integer FROM business WHERE number = \(number)")
                    switch moment {
                    case .afterCommit:
                        #expect((try? result.get()) == Output(number: 1))
                        #expect(context.committedOutcome.verdict == .recorded(.completed))
                        #expect(rows == 1)
                        #expect(try await direct.job(job.id)?.state == .completed)
                    case .beforeCommit:
                        #expect(throws: RunInterrupted.self) { try result.get() }
                        #expect(rows == 0)
                        #expect(try await direct.job(job.id)?.state == .running)
                    }
                }
            }
        }
    }

    /// The row may be invisible while its commit is under way, so the run may think that it was rolled back; its record finds out.
    @Test(arguments: [CommitProxy.Cut.beforeCommit, .afterCommit])
    func `a commit of an unclaimed attempt whose answer is lost counts once`(_ moment: CommitProxy.Cut) async throws {
        try await TestDatabase.withLedger { direct, database in
            let proxy = try CommitProxy(serverPort: try database.port)
            defer { proxy.close() }
            try await database.run("CREATE TABLE business (number integer)")
            let detoured = TestDatabase(url: try database.url(throughPort: proxy.port))
            try await detoured.withLedger { ledger in
                for number in 1...20 as ClosedRange<Int32> {
                    let job = Samples.job()
                    let unclaimed = UnrecordedJob(job, .running, token: Samples.request(job.id).lease.token)
                    let context = Self.context(of: job, ledger, unclaimed: unclaimed)
                    proxy.cutNextCommit(moment)

                    let result = await Result<Output, any Error>.of {
                        try await context.transaction { transaction in
                            try transaction.query(Self.insert, [.int4(number)])
                            return Output(number: 1)
                        }
                    }

                    #expect(proxy.hasCut)
                    let isCommitted = moment == .afterCommit
                    if (try? result.get()) == nil {
                        let given = Outcome(
                            id: job.id, attempt: 1, ending: .snooze(.seconds(60)), unclaimed: unclaimed)
                        let verdicts = try await direct.record([given])
                        #expect(verdicts == [isCommitted ? .settled(.completed) : .recorded(.scheduled)])
                    }
                    let rows = try await database.count(
                        "SELECT count(*)::integer FROM business WHERE number = \(number)")
                    #expect(rows == (isCommitted ? 1 : 0))
                    #expect(try await direct.job(job.id)?.state == (isCommitted ? .completed : .scheduled))
                }
            }
        }
    }

    private static func withRunningJob(
        _ body: (PostgresLedger, TestDatabase, JobContext) async throws -> Void
    ) async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await database.run("CREATE TABLE business (number integer)")
            let job = Samples.job()
            try await ledger.start(job)
            try await body(ledger, database, context(of: job, ledger))
        }
    }

    /// Of durability `redis`, in its first attempt.
    private static func withUnclaimedJob(
        _ body: (PostgresLedger, TestDatabase, JobContext) async throws -> Void
    ) async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await database.run("CREATE TABLE business (number integer)")
            let job = Samples.job()
            let token = Samples.request(job.id, token: 2).lease.token
            try await body(
                ledger, database,
                context(of: job, ledger, unclaimed: UnrecordedJob(job, .running, token: token, startedAt: .now())))
        }
    }

    private static func context(
        of job: NewJob, _ ledger: PostgresLedger, unclaimed: UnrecordedJob? = nil
    ) -> JobContext {
        JobContext(
            id: job.id, kind: job.kind, queue: job.queue,
            claim: Claim(attempt: 1, failures: 0, maxAttempts: job.maxAttempts), deadline: .now + .seconds(60),
            logger: TestDatabase.logger,
            submitter: JobSubmitter(ledger: ledger, broker: MemoryBroker(), logger: TestDatabase.logger),
            unclaimed: unclaimed)
    }

    private static func expectNothing(
        _ ledger: PostgresLedger, _ database: TestDatabase, _ context: JobContext
    ) async throws {
        #expect(try await businessRows(database) == 0)
        #expect(try await ledger.flagged(limit: 10).isEmpty)
        #expect(context.committedOutcome.verdict == nil)
        let row = try #require(try await ledger.job(context.id))
        #expect(row.state == .running)
        #expect(row.failures == 0)
    }

    private static func businessRows(_ database: TestDatabase) async throws -> Int {
        try await database.count("SELECT count(*)::integer FROM business")
    }
}

extension Result where Failure == any Error {
    fileprivate static func of(_ body: () async throws -> Success) async -> Result {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
