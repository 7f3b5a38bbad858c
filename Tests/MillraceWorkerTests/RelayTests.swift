// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import NIOPosix
import Testing

@testable import MillraceWorker

/// A broker that has not room for all that the ledger holds.
@Suite("Relay, sweep and rebuild above the mark") struct RelayTests {
    private let broker = MemoryBroker()
    private let ledger = MemoryLedger()
    private let room: RoomWatch
    private let relay: Relay

    init() {
        room = RoomWatch(broker: broker, logger: .quiet)
        relay = Relay(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), broker: broker, ledger: ledger, room: room)
    }

    /// Jobs whose envelopes take a little over a kilobyte each.
    private func accept(
        _ count: Int, in queue: QueueName = .default, priority: Priority = .normal, isFlagged: Bool = true
    ) async throws -> [JobID] {
        let payload = Array("\"".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 1000) + Array("\"".utf8)
        let jobs = (0..<count).map { _ in
            NewJob(id: .fresh(), kind: "test.job", queue: queue, priority: priority, payload: payload)
        }
        _ = try await ledger.accept(Submission(jobs: jobs, isFlagged: isFlagged))
        try await broker.configure(queue, isPaused: false, epoch: Epoch(number: 1))
        return jobs.map(\.id)
    }

    private func readyCount(_ queue: QueueName = .default) async throws -> Int {
        try await broker.status(of: [queue])[0].readyCount
    }

    /// Lets readings grow old.
    private func waitForReading() async {
        await eventually("a reading is due") { room.isReadingDue }
    }

    @Test func `what was kept back is handed over as room appears, and nothing overflows`() async throws {
        broker.setBytesMax(200_000)
        let ids = try await accept(400)
        var done = 0

        for _ in 0..<200 where done < ids.count {
            await waitForReading()
            _ = try await relay.once()
            let memory = try await broker.memory()
            #expect(memory.usedBytes <= 180_000)
            let reserved = try await broker.reserve(
                100, from: .default, epoch: Epoch(number: 1), process: ProcessID(number: 1), backwards: false)
            _ = try await broker.complete(reserved.jobs.map(\.lease), in: .default, announcing: [])
            done += reserved.jobs.count
        }

        #expect(done == ids.count)
        #expect(try await ledger.flaggedCounts().isEmpty)
    }

    @Test func `a queue that fills the broker does not hold up another, nor its own critical jobs`() async throws {
        broker.setBytesMax(200_000)
        _ = try await accept(500, in: "paused")
        var filled = -1
        while try await readyCount("paused") > filled {
            filled = try await readyCount("paused")
            await waitForReading()
            _ = try await relay.once()
        }
        #expect(!room.isOpen)
        #expect(filled > 100 && filled < 200)

        let others = try await accept(3, in: "other", priority: .low)
        let critical = try await accept(2, in: "paused", priority: .critical)
        await waitForReading()
        _ = try await relay.once()

        #expect(try await broker.knows(others, in: "other") == [true, true, true])
        #expect(try await broker.knows(critical, in: "paused") == [true, true])
        #expect(try await readyCount("paused") == filled + 2)
    }

    @Test func `a broker that refuses a push leaves the flags, and is no error`() async throws {
        let ids = try await accept(10)
        broker.fail(.enqueue, with: BrokerError(.full, "OOM"))

        _ = try await relay.once()

        #expect(try await ledger.flaggedCounts() == [.default: FlaggedCount(ids.count)])
        #expect(!room.isOpen)
        await waitForReading()
        _ = try await relay.once()
        #expect(try await ledger.flaggedCounts().isEmpty)
    }

    @Test func `the sweep flags what does not fit`() async throws {
        broker.setBytesMax(200_000)
        let ids = try await accept(400, isFlagged: false)
        let sweeper = Sweeper(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), broker: broker, ledger: ledger, room: room,
            window: .init(age: .seconds(-60) ..< .seconds(600), pause: .seconds(5)), logger: .quiet)

        _ = try await sweeper.once()

        let pushed = try await readyCount()
        #expect(pushed > 0 && pushed < 150)
        #expect(try await ledger.flaggedCounts() == [.default: FlaggedCount(ids.count - pushed)])
    }

    @Test func `a rebuild flags what does not fit`() async throws {
        broker.setBytesMax(200_000)
        let ids = try await accept(400, isFlagged: false)
        let serverID = try await broker.serverID()
        let lock = try #require(try await ledger.lockRebuild(of: .default))
        let rebuild = QueueRebuild(broker: broker, ledger: ledger, room: room, extendInterval: .zero) { _ in }

        let rebuilt = try #require(try await rebuild.run(.default, serverID: serverID, lock: lock))

        #expect(rebuilt.pushed > 0 && rebuilt.flagged > 0)
        #expect(rebuilt.pushed + rebuilt.flagged == ids.count)
        #expect(try await ledger.flaggedCounts() == [.default: FlaggedCount(rebuilt.flagged)])
        #expect(try await broker.epoch(of: .default) == rebuilt.epoch)
    }

    @Test func `a running job is declared lost and pushed even above the mark`() async throws {
        let filling = try await accept(15, isFlagged: false)
        let running = try await accept(1, isFlagged: false)[0]
        _ = try await PagedPush(broker: broker, ledger: ledger, room: room).push(filling)
        broker.setBytesMax(20_000)
        let process = ProcessID(number: 1)
        let token = LeaseToken(reservedAtMicroseconds: 1, process: process, lane: .normal)
        _ = try await ledger.claim(
            [ClaimRequest(lease: Lease(id: running, queue: .default, token: token))], process: process)
        await waitForReading()
        let rows = try await ledger.unfinished(
            age: .seconds(-60) ..< .seconds(60), in: nil, after: nil, limit: 100
        ).filter { $0.id == running }

        let done = try await PagedPush(broker: broker, ledger: ledger, room: room).pushOrFlag(rows)

        #expect(done == (1, 0))
        #expect(room.free(for: .backlog) == 0)
    }
}
