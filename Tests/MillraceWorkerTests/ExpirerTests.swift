// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import NIOPosix
import Testing

@testable import MillraceWorker

@Suite("Expirer", .timeLimit(.minutes(1))) struct ExpirerTests {
    private let clock = TestClock()
    private let broker: MemoryBroker
    private let ledger: MemoryLedger
    private let expirer: Expirer
    private let relay: Relay

    init() {
        broker = MemoryBroker(clock: clock)
        ledger = MemoryLedger(clock: clock)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        expirer = Expirer(eventLoop: eventLoop, broker: broker, ledger: ledger, logger: .quiet)
        relay = Relay(
            eventLoop: eventLoop, broker: broker, ledger: ledger, room: RoomWatch(broker: broker, logger: .quiet))
    }

    /// Jobs that wait for their time in the broker, and expire before it.
    private func accept(_ count: Int) async throws -> [JobID] {
        var generator = SystemRandomNumberGenerator()
        let now = clock.timestamp
        let jobs = (0..<count).map { _ in
            NewJob(
                id: JobID(at: now, using: &generator), kind: "test.job", payload: Array("{}".utf8),
                dueAt: now + .seconds(500), expiresAt: now + .seconds(100))
        }
        _ = try await ledger.accept(Submission(jobs: jobs))
        for start in stride(from: 0, to: count, by: Limits.storeBatchMax) {
            let batch = jobs[start..<min(start + Limits.storeBatchMax, count)].map {
                QueuedJob(id: $0.id, priority: .normal, delay: .seconds(500), envelope: JobEnvelope(of: $0))
            }
            _ = try await broker.enqueue(batch, into: .default)
        }
        return jobs.map(\.id)
    }

    private func status() async throws -> QueueStatus {
        try #require(try await broker.status(of: [.default]).first)
    }

    @Test func `what has expired is cancelled in the broker, too, and whoever waits for it hears of it`() async throws {
        let ids = try await accept(Limits.storeBatchMax + 1)
        let announcements = broker.announcements()
        clock.advance(by: .seconds(101))

        #expect(try await expirer.once() >= .seconds(60))

        #expect(try await status().scheduled == 0)
        #expect(try await broker.knows([ids[0]], in: .default) == [false])
        #expect(try await ledger.jobs(ids).values.allSatisfy { $0.state == .cancelled })
        let heard = await announcements.first { $0 != .resubscribed }
        #expect(heard == .cancelled(ids.min() ?? ids[0], nil))
    }

    @Test func `an operator's retry is ready at once, though the broker was away when the job expired`() async throws {
        let id = try await accept(1)[0]
        clock.advance(by: .seconds(101))
        broker.fail(.cancel, with: BrokerError(.unavailable, "for a test"))
        await #expect(throws: BrokerError.self) { try await expirer.once() }
        #expect(try await status().scheduled == 1)

        #expect(try await ledger.reopen(id) == .reopened(queue: .default))
        _ = try await relay.once()

        #expect(try await [status().scheduled, status().readyCount] == [0, 1])
        #expect(try await ledger.flagged(limit: 10).isEmpty)
    }

    @Test func `what an operator opened again before the broker was told is pushed again`() async throws {
        let id = try await accept(1)[0]
        clock.advance(by: .seconds(101))
        let expired = try await ledger.expire(limit: 10)
        #expect(try await ledger.reopen(id) == .reopened(queue: .default))
        _ = try await relay.once()

        // As the expirer goes on.
        try await broker.cancel(id, token: expired.first?.token, in: .default)
        try await ledger.flagAgain([id])

        #expect(try await ledger.flagged(limit: 10).map(\.id) == [id])
    }
}
