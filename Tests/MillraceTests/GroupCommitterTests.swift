// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Millrace
import MillraceTesting
import Synchronization
import Testing

@Suite struct GroupCommitterTests {
    @Test func `what comes while a batch is under way forms the next, in the order of its coming`() async throws {
        let fixture = Fixture()

        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...5 { await fixture.submit(number, in: &group) }
            #expect(try await fixture.batches.next() == [1])
            fixture.gate.signal()
            #expect(try await fixture.batches.next() == [2, 3, 4, 5])
            fixture.gate.signal()

            let answers = try await group.reduce(into: [Int]()) { $0.append($1) }
            #expect(answers.sorted() == [10, 20, 30, 40, 50])
        }
    }

    @Test func `a lone caller waits for nobody`() async throws {
        let fixture = Fixture()
        fixture.gate.signal()
        fixture.gate.signal()

        #expect(try await fixture.committer.submit(1, weight: 1) == 10)
        #expect(try await fixture.committer.submit(2, weight: 1) == 20)

        #expect(fixture.batches.waitingEvents == [[1], [2]])
    }

    @Test func `a batch ends before the item that would be too much for it, and a heavier one goes alone`() async throws
    {
        let fixture = Fixture(batchWeightMax: 4)

        try await withThrowingTaskGroup(of: Int.self) { group in
            await fixture.submit(0, in: &group)
            #expect(try await fixture.batches.next() == [0])
            for (number, weight) in [(1, 2), (2, 2), (3, 1), (4, 9), (5, 3), (6, 1), (7, 1)] {
                await fixture.submit(number, weight: weight, in: &group)
            }
            for expected in [[1, 2], [3], [4], [5, 6], [7]] {
                fixture.gate.signal()
                #expect(try await fixture.batches.next() == expected)
            }
            fixture.gate.signal()
            try await group.waitForAll()
        }
    }

    @Test func `no more batches than allowed are under way`() async throws {
        let fixture = Fixture(writersMax: 2)

        try await withThrowingTaskGroup(of: Int.self) { group in
            await fixture.submit(1, in: &group)
            #expect(try await fixture.batches.next() == [1])
            await fixture.submit(2, in: &group)
            #expect(try await fixture.batches.next() == [2])
            await fixture.submit(3, in: &group)
            await fixture.submit(4, in: &group)
            #expect(fixture.batches.waitingEvents.isEmpty)
            fixture.gate.signal()
            #expect(try await fixture.batches.next() == [3, 4])
            fixture.gate.signal()
            fixture.gate.signal()
            try await group.waitForAll()
        }
    }

    @Test func `beyond its bound callers are told at once`() async throws {
        let fixture = Fixture(waitingWeightMax: 3)

        try await withThrowingTaskGroup(of: Int.self) { group in
            await fixture.submit(0, in: &group)
            #expect(try await fixture.batches.next() == [0])
            for number in 1...3 { await fixture.submit(number, in: &group) }

            let error = await #expect(throws: LedgerError.self) { try await fixture.committer.submit(4, weight: 1) }

            #expect(error?.code == .overloaded)
            fixture.gate.signal()
            #expect(try await fixture.batches.next() == [1, 2, 3])
            fixture.gate.signal()
            try await group.waitForAll()
            fixture.gate.signal()
            #expect(try await fixture.committer.submit(5, weight: 99) == 50)
        }
    }

    @Test func `each caller gets the answer to its own item`() async throws {
        let committer = GroupCommitter<Int, Int>(
            batchWeightMax: 7, waitingWeightMax: 10_000, writersMax: 3, executor: globalConcurrentExecutor
        ) { items in
            items.map { $0.isMultiple(of: 5) ? .failure(LedgerError(.rejected, "\($0)")) : .success($0 * 10) }
        }

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask {
                    do throws(LedgerError) {
                        #expect(try await committer.submit(number, weight: number % 4 + 1) == number * 10)
                    } catch {
                        #expect(error.code == .rejected)
                        #expect(error.message == "\(number)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `what a cancelled caller submitted is written all the same`() async throws {
        let fixture = Fixture()

        await withThrowingTaskGroup(of: Int.self) { group in
            await fixture.submit(1, in: &group)
            await fixture.submit(2, in: &group)
            group.cancelAll()
            fixture.gate.signal()
            fixture.gate.signal()
        }

        #expect(try await fixture.batches.next(2) == [[1], [2]])
    }

    @Test func `a cancelled caller leaves before its batch is written`() async throws {
        let fixture = Fixture()

        await withThrowingTaskGroup(of: Int.self) { group in
            await fixture.submit(1, in: &group)
            await fixture.submit(2, in: &group)
            group.cancelAll()
            // The gate is still shut.
            for _ in 0..<2 {
                let error = await #expect(throws: LedgerError.self) { try await group.next() }
                #expect(error?.code == .cancelled)
            }
        }
        fixture.gate.signal()
        fixture.gate.signal()

        #expect(try await fixture.batches.next(2) == [[1], [2]])
    }

    @Test func `who is cancelled on its way is told so, and what it brought is written`() async throws {
        let fixture = Fixture()

        await withThrowingTaskGroup(of: Int.self) { group in
            group.cancelAll()
            group.addTask { try await fixture.committer.submit(1, weight: 1) }
            let error = await #expect(throws: LedgerError.self) { try await group.next() }
            #expect(error?.code == .cancelled)
        }
        fixture.gate.signal()

        #expect(try await fixture.batches.next() == [1])
    }

    @Test func `batches are written on the owner's executor`() async throws {
        let queue = DispatchQueue(label: "owner")
        let committer = GroupCommitter<Int, Int>(
            batchWeightMax: 10, waitingWeightMax: 10, writersMax: 1,
            executor: DelegatingTaskExecutor { queue.async(execute: $0) }
        ) { items in
            dispatchPrecondition(condition: .onQueue(queue))
            return items.map { .success($0) }
        }

        #expect(try await committer.submit(1, weight: 1) == 1)
    }

    /// A committer whose batches wait for the gate.
    private struct Fixture {
        let batches = TestSignal<[Int]>()
        let gate = TestSignal<Void>()
        let committer: GroupCommitter<Int, Int>
        private let caller: Caller

        init(batchWeightMax: Int = 100, waitingWeightMax: Int = 100, writersMax: Int = 1) {
            committer = GroupCommitter(
                batchWeightMax: batchWeightMax, waitingWeightMax: waitingWeightMax, writersMax: writersMax,
                executor: globalConcurrentExecutor
            ) { [batches, gate] items in
                batches.signal(items)
                try? await gate.next()
                return items.map { .success($0 * 10) }
            }
            caller = Caller(committer: committer)
        }

        /// Returns when the item waits in the committer.
        func submit(_ number: Int, weight: Int = 1, in group: inout ThrowingTaskGroup<Int, any Error>) async {
            let count = await caller.submitted
            group.addTask { try await caller.submit(number, weight: weight) }
            await eventually("\(number) is submitted") { await caller.submitted == count + 1 }
        }
    }

    /// A call runs on the actor until it waits, so whoever sees the count knows that the item is in.
    private actor Caller {
        let committer: GroupCommitter<Int, Int>
        private(set) var submitted = 0

        init(committer: GroupCommitter<Int, Int>) {
            self.committer = committer
        }

        func submit(_ number: Int, weight: Int) async throws -> Int {
            submitted += 1
            return try await committer.submit(number, weight: weight)
        }
    }
}
