// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceTesting
import Testing

@Suite struct JobSubmitterTests {
    private struct Greet: Job {
        static let kind: JobKind = "hello.greet"
        static let defaults = JobOptions(queue: "hello", priority: .high, maxAttempts: 5, timeout: .seconds(9))

        var name: String
    }

    private let ledger = MemoryLedger()
    private let broker = MemoryBroker()
    private let submitter: JobSubmitter

    init() {
        submitter = JobSubmitter(
            ledger: ledger, broker: broker, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `a submitted job is in the ledger, and in the broker`() async throws {
        let id = try await submitter.submit(Greet(name: "Ada"))

        let row = try #require(try await ledger.jobs([id])[id])
        #expect(row.queue == "hello")
        #expect(row.priority == .high)
        #expect(row.maxAttempts == 5)
        #expect(row.timeout == .seconds(9))
        #expect(row.payload == Array(#"{"name":"Ada"}"#.utf8))
        #expect(try await broker.knows([id], in: "hello") == [true])
        #expect(try await broker.status(of: ["hello"])[0].ready == [.high: 1])
    }

    @Test func `options beat the kind's own`() async throws {
        let options = EnqueueOptions(
            queue: "other", priority: .low, delay: .seconds(60), timeout: .seconds(1), maxAttempts: 2, tags: ["t"])

        let id = try await submitter.submit(Greet(name: "Ada"), options)

        let row = try #require(try await ledger.jobs([id])[id])
        #expect(row.queue == "other")
        #expect(row.priority == .low)
        #expect(row.state == .scheduled)
        #expect(row.timeout == .seconds(1))
        #expect(row.maxAttempts == 2)
        #expect(row.tags == ["t"])
        #expect(try await broker.status(of: ["other"])[0].scheduled == 1)
    }

    @Test func `a job of durability redis is in the broker alone`() async throws {
        let id = try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(durability: .redis))

        #expect(try await ledger.jobs([id]).isEmpty)
        let found = try #require(try await broker.find(id)?.record(now: .now()))
        #expect((found.queue, found.kind, found.priority, found.state) == ("hello", "hello.greet", .high, .ready))
        #expect(found.payload == Array(#"{"name":"Ada"}"#.utf8))
    }

    @Test func `it is accepted while the ledger is away, and not while the broker is`() async throws {
        ledger.takeAway()
        let id = try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(durability: .redis))
        #expect(try await broker.knows([id], in: "hello") == [true])

        ledger.bringBack()
        broker.takeAway()
        await #expect(throws: BrokerError.self) {
            try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(durability: .redis))
        }
    }

    @Test func `an unknown outcome of the broker is found out by asking again`() async throws {
        for moment in [FaultMoment.beforeEffect, .afterEffect] {
            broker.fail(.enqueue, moment, with: BrokerError(.outcomeUnknown, "lost"))
            let id = try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(durability: .redis))
            #expect(try await broker.knows([id], in: "hello") == [true])
        }
    }

    @Test func `it is refused where the broker has no room, while others are accepted`() async throws {
        let entrusted = EnqueueOptions(durability: .redis)
        func submit(_ options: EnqueueOptions) async throws -> JobID {
            try await submitter.submit(Greet(name: String(repeating: "x", count: 2000)), options)
        }
        broker.setBytesMax(20_000)
        var refusals = 0
        for _ in 0..<10 {
            do {
                _ = try await submit(entrusted)
            } catch let error as BrokerError {
                #expect(error.code == .full)
                refusals += 1
            }
        }

        #expect(refusals > 0 && refusals < 10)
        #expect(try await broker.memory().usedBytes < 16_000)
        let recorded = try await submit(EnqueueOptions())
        #expect(try await ledger.jobs([recorded]).count == 1)

        // Others have filled it since it was looked at.
        broker.setBytesMax(nil)
        await eventually("the memory is read again") { submitter.isRoomReadingDue }
        broker.fail(.enqueue, with: BrokerError(.full, "OOM"))
        await #expect(throws: BrokerError.self) { try await submit(entrusted) }
    }

    @Test func `what needs the ledger is taken as postgres`() throws {
        let now = Timestamp.now()
        func parts(_ change: (inout NewJob) -> Void = { _ in }, hasKey: Bool = false) throws -> Submission.Parts {
            var job = try NewJob(Greet(name: "Ada"), EnqueueOptions(durability: .redis), now: now)
            change(&job)
            let key = Idempotency(scope: "s", key: "k", requestDigest: [1], answer: [2])
            return Submission(jobs: [job], idempotency: hasKey ? key : nil).parts(now: now)
        }

        #expect(try parts().recorded == nil)
        #expect(try parts({ $0.dueAt = now + Limits.redisAheadMax }).recorded == nil)
        for recorded in [
            try parts(hasKey: true), try parts({ $0.dueAt = now + Limits.redisAheadMax + .milliseconds(1) }),
            try parts({ $0.tags = ["a\0b"] }),
        ] {
            #expect(recorded.entrusted.isEmpty)
            #expect(recorded.recorded?.jobs.map(\.durability) == [.postgres])
        }
    }

    @Test func `of a mixed submission the ledger's part comes first, and alone when that fails`() async throws {
        let jobs = try [Durability.redis, .postgres, .redis].map {
            try NewJob(Greet(name: "Ada"), EnqueueOptions(durability: $0), now: .now())
        }
        ledger.fail(.accept, with: LedgerError(.unavailable, "away"))
        await #expect(throws: LedgerError.self) { try await submitter.submit(Submission(jobs: jobs)) }
        #expect(try await broker.knows(jobs.map(\.id), in: "hello") == [false, false, false])

        #expect(try await submitter.submit(Submission(jobs: jobs)) == .accepted)

        #expect(try await Set(ledger.jobs(jobs.map(\.id)).keys) == [jobs[1].id])
        #expect(try await broker.knows(jobs.map(\.id), in: "hello") == [true, true, true])
        let envelopes = try await [broker.find(jobs[0].id), broker.find(jobs[1].id)].map { $0?.envelope ?? [] }
        #expect(try envelopes.map { try JobEnvelope(decoding: $0).rowPart != nil } == [true, false])
    }

    @Test func `a job is accepted while the broker is away`() async throws {
        broker.takeAway()

        let id = try await submitter.submit(Greet(name: "Ada"))

        #expect(try await ledger.jobs([id]).count == 1)
        broker.bringBack()
        #expect(try await broker.knows([id], in: "hello") == [false])
    }

    @Test func `a job that the ledger does not take is not pushed`() async throws {
        ledger.takeAway()

        await #expect(throws: LedgerError.self) { try await submitter.submit(Greet(name: "Ada")) }

        #expect(broker.calls(of: .enqueue) == 0)
    }

    @Test func `a job that is due far ahead stays in the ledger`() async throws {
        let near = try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(delay: .seconds(500)))
        let far = try await submitter.submit(Greet(name: "Ada"), EnqueueOptions(delay: .seconds(700)))

        #expect(try await broker.knows([near, far], in: "hello") == [true, false])
        #expect(try await ledger.flaggedCounts() == ["hello": FlaggedCount(1)])
    }

    @Test func `a repeated request pushes nothing`() async throws {
        func submission() throws -> Submission {
            try Submission(
                jobs: [NewJob(Greet(name: "Ada"), EnqueueOptions(), now: .now())],
                idempotency: Idempotency(scope: "s", key: "k", requestDigest: [1], answer: [2]))
        }

        #expect(try await submitter.submit(submission()) == .accepted)
        #expect(try await submitter.submit(submission()) == .replayed([2]))

        #expect(try await broker.status(of: ["hello"])[0].readyCount == 1)
    }

    @Test func `a large submission is pushed in batches, each to its queue`() async throws {
        var generator = SplitMix64(seed: 1)
        let jobs = (0..<1200).map { number in
            NewJob(
                id: JobID(at: .now(), using: &generator), kind: "k", queue: number.isMultiple(of: 3) ? "a" : "b",
                payload: Array("{}".utf8))
        }

        #expect(try await submitter.submit(Submission(jobs: jobs)) == .accepted)

        #expect(try await broker.status(of: ["a", "b"]).map(\.readyCount) == [400, 800])
        #expect(broker.calls(of: .enqueue) == 3)
    }

    @Test func `what the broker has no room for stays in the ledger, flagged`() async throws {
        func submit() async throws -> JobID {
            try await submitter.submit(Greet(name: String(repeating: "x", count: 2000)))
        }
        broker.setBytesMax(10_000)
        var pushed: [JobID] = []
        for _ in 0..<20 { try await pushed.append(submit()) }

        let flagged = try await ledger.flagged(limit: 100).map(\.id)
        #expect(flagged.count > 10 && flagged.count < 20)
        #expect(try await broker.knows(pushed, in: "hello") == pushed.map { !flagged.contains($0) })
        #expect(try await broker.memory().usedBytes < 7500)

        broker.setBytesMax(nil)
        await eventually("the memory is read again") { submitter.isRoomReadingDue }
        let last = try await submit()
        #expect(try await broker.knows([last], in: "hello") == [true])
    }

    @Test func `a push that the broker refuses for want of memory keeps back those that follow`() async throws {
        broker.fail(.enqueue, with: BrokerError(.full, "OOM"))
        broker.fail(.memory, times: 9, with: BrokerError(.unavailable, "taken away"))

        let first = try await submitter.submit(Greet(name: "Ada"))
        let second = try await submitter.submit(Greet(name: "Ada"))

        #expect(try await broker.knows([first, second], in: "hello") == [false, false])
        // The first one is the sweep's.
        #expect(try await ledger.flagged(limit: 10).map(\.id) == [second])
    }

    @Test func `the broker's memory is read now and then, not for each submission`() async throws {
        for _ in 0..<50 { _ = try await submitter.submit(Greet(name: "Ada")) }

        let readings = broker.calls(of: .memory)
        #expect(readings >= 1 && readings < 25)
    }

    @Test func `a job that is too large is refused`() async {
        await #expect(throws: PayloadError.self) {
            try await submitter.submit(Greet(name: String(repeating: "x", count: Limits.payloadBytesMax)))
        }
        await #expect(throws: PayloadError.self) {
            try await submitter.submit(
                Greet(name: "Ada"), EnqueueOptions(tags: Array(repeating: "t", count: Limits.tagsMax + 1)))
        }
    }
}
