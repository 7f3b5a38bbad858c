// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceTesting
import NIOPosix
import Testing

@testable import MillraceWorker

@Suite("Pushing from the ledger") struct PagedPushTests {
    private let broker = MemoryBroker()
    private let ledger = MemoryLedger()
    private let room: RoomWatch

    init() {
        room = RoomWatch(broker: broker, logger: .quiet)
    }

    /// Jobs of 250 KB each, in the ledger alone.
    private func accept(_ count: Int) async throws -> [JobID] {
        let payload = Array("\"".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 250_000) + Array("\"".utf8)
        let jobs = (0..<count).map { _ in NewJob(id: .fresh(), kind: "test.large", payload: payload) }
        _ = try await ledger.accept(Submission(jobs: jobs))
        try await broker.configure(.default, isPaused: false, epoch: Epoch(number: 1))
        return jobs.map(\.id).sorted()
    }

    @Test func `large payloads are read and pushed a few megabytes at a time`() async throws {
        let ids = try await accept(50)

        let verdicts = try await PagedPush(broker: broker, ledger: ledger, room: room).push(ids).pushed

        #expect(verdicts.map(\.id) == ids)
        #expect(verdicts.allSatisfy { $0.verdict == .enqueued })
        #expect(ledger.calls(of: .pushable) == 3, "17 of 250 KB reach 4 MiB")
        #expect(broker.calls(of: .enqueue) == 3)
    }

    @Test func `what has ended meanwhile is passed over, wherever it stands`() async throws {
        let ids = try await accept(20)
        for id in [ids[0], ids[17], ids[18], ids[19]] { _ = try await ledger.cancel(id) }

        let verdicts = try await PagedPush(broker: broker, ledger: ledger, room: room).push(ids).pushed

        #expect(verdicts.map(\.id) == Array(ids[1...16]))
        #expect(try await PagedPush(broker: broker, ledger: ledger, room: room).push([ids[0]]).pushed.isEmpty)
    }

    @Test func `a sweep reads no payload of what the broker knows`() async throws {
        let ids = try await accept(20)
        let sweeper = Sweeper(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), broker: broker, ledger: ledger, room: room,
            window: .init(age: .seconds(-60) ..< .seconds(600), pause: .seconds(5)), logger: .quiet)

        _ = try await sweeper.once()
        #expect(try await broker.knows(ids, in: .default) == ids.map { _ in true })
        let read = ledger.calls(of: .pushable)
        _ = try await sweeper.once()

        #expect(ledger.calls(of: .pushable) == read)
    }
}
