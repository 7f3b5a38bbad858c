// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@Suite struct MemoryBrokerTests {
    @Test(arguments: BrokerConformance.allCases)
    func `the contract holds`(_ conformance: BrokerConformance) async throws {
        try await conformance.run(on: Harness())
    }

    /// A clock that runs, and jumps where the suite wants it to.
    private struct Harness: BrokerHarness {
        let clock = ShiftedClock()
        let broker: any JobBroker

        init() {
            broker = MemoryBroker(clock: clock)
        }

        func advanceClock(by duration: Duration) async throws {
            clock.advance(by: duration)
        }
    }
}

/// The machine's clock with an offset: sleeps take real time.
final class ShiftedClock: StoreClock {
    private let offset = Mutex(Duration.zero)

    var timestamp: Timestamp { SystemClock().timestamp + offset.withLock { $0 } }

    func advance(by duration: Duration) {
        offset.withLock { $0 += duration }
    }

    func sleep(for duration: Duration) async throws {
        try await SystemClock().sleep(for: duration)
    }
}
