// SPDX-License-Identifier: Apache-2.0

import PostgresDriver
import Synchronization
import Testing

@Suite("ThreadExecutor") struct ThreadExecutorTests {
    private actor Counter {
        nonisolated let executor = ThreadExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private var count = 0

        deinit { executor.stop() }

        func increment() -> Int {
            count += 1
            return count
        }

        nonisolated func incrementFromThread(_ completion: @escaping @Sendable (Int) -> Void) {
            executor.execute {
                self.assumeIsolated { counter in
                    counter.count += 1
                    completion(counter.count)
                }
            }
        }
    }

    private final class Order: Sendable {
        let numbers = Mutex<[Int]>([])
    }

    @Test func `jobs and blocks run one at a time`() async {
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 {
                group.addTask { _ = await counter.increment() }
                group.addTask {
                    await withCheckedContinuation { continuation in
                        counter.incrementFromThread { _ in continuation.resume() }
                    }
                }
            }
        }

        #expect(await counter.increment() == 2001)
    }

    @Test func `what waits when it is stopped still runs, then the exit is told`() async {
        let order = Order()
        let executor = ThreadExecutor()
        await withCheckedContinuation { continuation in
            for number in 0..<100 { executor.execute { order.numbers.withLock { $0.append(number) } } }
            executor.stop {
                order.numbers.withLock { $0.append(100) }
                continuation.resume()
            }
        }

        #expect(order.numbers.withLock { $0 } == Array(0...100))
    }

    @Test func `what comes after the stop runs all the same`() async {
        let executor = ThreadExecutor()
        await withCheckedContinuation { continuation in executor.stop { continuation.resume() } }

        await withCheckedContinuation { continuation in executor.execute { continuation.resume() } }
    }
}
