// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceTesting
import NIOPosix
import Testing

@testable import MillraceAPI

@Suite("FinishWaiter") struct FinishWaiterTests {
    @Test func `1,000 waiters cost one subscription and a few reads`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(1000)
        try await fixture.run { waiter in
            async let endings = fixture.waitForAll(ids, waiter)
            await eventually("all wait and were read once") {
                waiter.count == 1000 && fixture.ledger.calls(of: .summaries) >= 2
            }
            let readsBefore = fixture.ledger.calls(of: .summaries)
            #expect(readsBefore < 100)
            #expect(fixture.ledger.calls(of: .jobs) == 0, "nobody reads payloads to learn that a job runs")

            for start in stride(from: 0, to: 1000, by: 500) {
                let some = Array(ids[start..<start + 500])
                try await fixture.finish(some)
                _ = try await fixture.broker.base.complete([], in: .default, announcing: some)
            }

            let finished = try await endings
            #expect(finished == 1000)
            #expect(fixture.broker.subscriptions == 1)
            #expect(fixture.ledger.calls(of: .summaries) - readsBefore < 100)
            #expect(fixture.ledger.calls(of: .jobs) < 100)
            #expect(waiter.count == 0)
        }
    }

    @Test func `an end before the wait began is not missed`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(1)
        try await fixture.finish(ids)
        try await fixture.run { waiter in
            let ending = await waiter.wait(for: ids[0], atMost: .seconds(20))

            guard case .finished(let job) = ending else { throw Unexpected(ending) }
            #expect(job.state == .completed)
        }
    }

    @Test func `an end that is never announced is found by the poll`() async throws {
        let fixture = Fixture(pollInterval: .milliseconds(20))
        let ids = try await fixture.accept(1)
        try await fixture.run { waiter in
            async let ending = waiter.wait(for: ids[0], atMost: .seconds(20))
            await eventually("it was read once") { fixture.ledger.calls(of: .summaries) > 0 }

            try await fixture.finish(ids)

            guard case .finished = await ending else { throw Unexpected(await ending) }
        }
    }

    @Test func `after a gap in the announcements all are read again`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(3)
        try await fixture.run { waiter in
            async let endings = fixture.waitForAll(ids, waiter)
            await eventually("all wait and were read") { waiter.count == 3 && fixture.ledger.calls(of: .summaries) > 0 }
            fixture.broker.base.takeAway()
            try await fixture.finish(ids)

            fixture.broker.base.bringBack()

            #expect(try await endings == 3)
        }
    }

    @Test func `a wait ends at its deadline with what was read last`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(1)
        try await fixture.run { waiter in
            let ending = await waiter.wait(for: ids[0], atMost: .milliseconds(150))

            guard case .unfinished(let job?) = ending else { throw Unexpected(ending) }
            #expect(job.state == .ready)
            #expect(waiter.count == 0)
            _ = await waiter.wait(for: ids[0], atMost: .zero)
            #expect(waiter.count == 0)
        }
    }

    @Test func `a cancelled caller leaves at once`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(1)
        try await fixture.run { waiter in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = await waiter.wait(for: ids[0], atMost: .seconds(60)) }
                await eventually("it waits") { waiter.count == 1 }

                group.cancelAll()
            }

            #expect(waiter.count == 0)
        }
    }

    @Test func `a job that does not exist is told as missing`() async throws {
        let fixture = Fixture()
        try await fixture.run { waiter in
            let ending = await waiter.wait(for: fixture.freshID(), atMost: .seconds(20))

            guard case .missing = ending else { throw Unexpected(ending) }
        }
    }

    @Test func `who comes while the ledger is away is told so, who waits waits on`() async throws {
        let fixture = Fixture(pollInterval: .milliseconds(20))
        let ids = try await fixture.accept(2)
        try await fixture.run { waiter in
            async let early = waiter.wait(for: ids[0], atMost: .seconds(20))
            await eventually("it was read once") { fixture.ledger.calls(of: .summaries) > 0 }
            fixture.ledger.takeAway()

            let late = await waiter.wait(for: ids[1], atMost: .seconds(20))
            guard case .unreadable = late else { throw Unexpected(late) }

            fixture.ledger.bringBack()
            try await fixture.finish([ids[0]])
            guard case .finished = await early else { throw Unexpected(await early) }
        }
    }

    @Test func `one too many is refused`() async throws {
        let fixture = Fixture(limit: 2)
        let ids = try await fixture.accept(3)
        try await fixture.run { waiter in
            async let two = fixture.waitForAll(Array(ids.prefix(2)), waiter)
            await eventually("two wait") { waiter.count == 2 }

            let third = await waiter.wait(for: ids[2], atMost: .seconds(20))

            guard case .refused = third else { throw Unexpected(third) }
            waiter.close()
            _ = try await two
        }
    }

    @Test func `a close ends all waits, and those to come`() async throws {
        let fixture = Fixture()
        let ids = try await fixture.accept(1)
        try await fixture.run { waiter in
            async let ending = waiter.wait(for: ids[0], atMost: .seconds(60))
            await eventually("it waits") { waiter.count == 1 }

            waiter.close()

            guard case .unfinished = await ending else { throw Unexpected(await ending) }
            guard case .unfinished = await waiter.wait(for: ids[0], atMost: .seconds(60)) else {
                throw Unexpected(await ending)
            }
        }
    }
}

private struct Unexpected: Error {
    let ending: FinishWaiter.Ending

    init(_ ending: FinishWaiter.Ending) {
        self.ending = ending
    }
}

private struct Fixture: Sendable {
    let ledger = MemoryLedger()
    let broker = CountingBroker(MemoryBroker())
    let waiter: FinishWaiter

    /// An hour between polls, so that only what is announced is found.
    init(limit: Int = 10_000, pollInterval: Duration = .seconds(3600)) {
        waiter = FinishWaiter(
            stores: Stores(
                ledger: ledger, broker: broker, deadline: .seconds(5),
                keeper: DeadlineKeeper(on: MultiThreadedEventLoopGroup.singleton.next())), broker: broker, limit: limit,
            pollInterval: pollInterval, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func run(_ test: (FinishWaiter) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let waiter = waiter
            group.addTask { await waiter.run() }
            defer { group.cancelAll() }
            await eventually("it listens") { broker.subscriptions == 1 }
            try await test(waiter)
        }
    }

    func freshID() -> JobID {
        var generator = SystemRandomNumberGenerator()
        return JobID(at: .now(), using: &generator)
    }

    func accept(_ count: Int) async throws -> [JobID] {
        let jobs = (0..<count).map { _ in NewJob(id: freshID(), kind: "test.any", payload: Array("{}".utf8)) }
        _ = try await ledger.accept(Submission(jobs: jobs))
        return jobs.map(\.id)
    }

    func finish(_ ids: [JobID]) async throws {
        let process = ProcessID(number: 1)
        let token = LeaseToken(reservedAtMicroseconds: 1, process: process, lane: .normal)
        let verdicts = try await ledger.claim(
            ids.map { ClaimRequest(lease: Lease(id: $0, queue: .default, token: token)) }, process: process)
        #expect(verdicts.allSatisfy { if case .run = $0 { true } else { false } })
        _ = try await ledger.record(ids.map { Outcome(id: $0, attempt: 1, ending: .completed(Array("{}".utf8))) })
    }

    /// How many of them ended as finished.
    func waitForAll(_ ids: [JobID], _ waiter: FinishWaiter) async throws -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for id in ids {
                group.addTask {
                    if case .finished = await waiter.wait(for: id, atMost: .seconds(60)) { true } else { false }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }
}
