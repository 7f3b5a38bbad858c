// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import MillraceCLI

@Suite("rebuild") struct RebuildTests {
    private let fixture = CommandFixture()

    private func acceptUnpushed(_ count: Int, in queue: QueueName) async throws -> [JobID] {
        let jobs = try (0..<count).map {
            NewJob(id: try CommandFixture.id($0 + 1), kind: "test.job", queue: queue, payload: Array("{}".utf8))
        }
        _ = try await fixture.ledger.accept(Submission(jobs: jobs))
        return jobs.map(\.id)
    }

    @Test func `what Redis does not know is pushed, and the epoch is raised`() async throws {
        let ids = try await acceptUnpushed(3, in: "photos")
        _ = try await fixture.ledger.establishEpoch(of: "photos", serverID: try await fixture.broker.serverID())
        try await fixture.ledger.ensureQueue("mail")

        let outcome = await fixture.run("rebuild")

        #expect(outcome.code == 0)
        #expect(outcome.output.isEmpty)
        #expect(
            outcome.notes.map { $0.replacing(/in \d+m?s/, with: "in TIME") } == [
                "mail is rebuilt in TIME: 0 missing jobs pushed; epoch 1",
                "photos is rebuilt in TIME: 3 missing jobs pushed; epoch 2",
            ])
        #expect(try await fixture.broker.knows(ids, in: "photos") == [true, true, true])
        #expect(try await fixture.broker.epoch(of: "photos") == Epoch(number: 2))
    }

    @Test func `a queue in use wants --yes, others do not`() async throws {
        try await fixture.accept(NewJob(id: CommandFixture.id(1), kind: "test.job", queue: "mail", payload: [0x31]))
        try await fixture.ledger.ensureQueue("photos")

        let refused = await fixture.run("rebuild", "mail", "photos")
        #expect(refused.code == 4)
        #expect(refused.notes.first?.contains("(mail)") == true)
        #expect(try await fixture.broker.epoch(of: "photos") == nil)

        #expect(await fixture.run("rebuild", "photos").code == 0)
        #expect(await fixture.run("rebuild", "mail", "--yes").code == 0)
        #expect(try await fixture.broker.epoch(of: "mail") == Epoch(number: 1))
    }

    @Test func `an unknown queue is not found, and a name that is none is a wrong use`() async throws {
        try await fixture.ledger.ensureQueue("photos")

        let missing = await fixture.run("rebuild", "photo")
        #expect(missing.code == 3)
        #expect(missing.notes.first?.contains("did you mean photos?") == true)
        #expect(await fixture.run("rebuild", "No Queue").code == 2)
    }

    @Test func `a queue that another process rebuilds is a conflict`() async throws {
        try await fixture.ledger.ensureQueue("photos")
        let lock = try #require(try await fixture.ledger.lockRebuild(of: "photos"))

        let outcome = await fixture.run("rebuild")

        #expect(outcome.code == 4)
        await lock.release()
        #expect(await fixture.run("rebuild").code == 0)
    }

    @Test func `a store that is away is said to be`() async throws {
        try await fixture.ledger.ensureQueue("photos")
        fixture.broker.takeAway()

        #expect(await fixture.run("rebuild", "--yes").code == 69)
    }

    @Test func `a Redis above its mark is told where queues are shown`() async throws {
        try await fixture.accept(
            NewJob(
                id: CommandFixture.id(1), kind: "test.job", queue: "mail",
                payload: Array("\"".utf8) + [UInt8](repeating: 0x78, count: 100_000) + Array("\"".utf8)))
        fixture.broker.setBytesMax(120_000)

        let outcome = await fixture.run("queues")

        #expect(outcome.code == 0)
        #expect(outcome.notes.contains { $0.hasPrefix("Redis is above its high-water mark") })
        #expect(await fixture.run("queues", "--output", "json").notes.isEmpty)
    }
}
