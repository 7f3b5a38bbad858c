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
        #expect(try await ledger.flaggedCounts() == ["hello": 1])
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
