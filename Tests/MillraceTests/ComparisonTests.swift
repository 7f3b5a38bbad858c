// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

/// The comparisons find nothing where there is nothing, and something where there is.
@Suite struct ComparisonTests {
    @Test func `a memory broker does as the model does`() async throws {
        try await BrokerComparison(subject: BrokerCandidate()).run(programs: 10, steps: 300)
    }

    @Test func `a memory ledger does as the model does`() async throws {
        try await LedgerComparison(subject: LedgerCandidate()).run(programs: 5, steps: 200)
    }

    @Test func `a broker that goes astray is found, with a short program`() async throws {
        let comparison = BrokerComparison(subject: BrokerCandidate(isFaulty: true), seed: 5)

        let difference = try #require(try await comparison.firstDifference(programs: 1, steps: 300))

        #expect(difference.steps.count <= 3)
        #expect(difference.steps.last?.hasPrefix("promote") == true)
        #expect("\(difference)".contains("MILLRACE_TEST_SEED=5"))
    }

    @Test func `a broker that has forgotten something is found by its state`() async throws {
        let difference = try await BrokerComparison(subject: BrokerCandidate(hidesLeases: true), seed: 5)
            .firstDifference(programs: 1, steps: 300)

        #expect(difference?.model.contains("is leased by") == true)
        #expect(difference?.subject.contains("is leased by") == false)
        #expect((difference?.steps.count ?? 99) <= 4)
    }

    @Test func `a ledger that goes astray is found, with a short program`() async throws {
        let comparison = LedgerComparison(subject: LedgerCandidate(isFaulty: true), seed: 5)

        let difference = try #require(try await comparison.firstDifference(programs: 1, steps: 200))

        #expect(difference.steps.count == 1)
        #expect(difference.steps.last?.hasPrefix("blame") == true)
    }

    private struct BrokerCandidate: BrokerSubject {
        let clock = TestClock(start: Timestamp(unixMilliseconds: 0))
        let memory: MemoryBroker
        let hidesLeases: Bool

        init(isFaulty: Bool = false, hidesLeases: Bool = false) {
            memory = MemoryBroker(clock: clock)
            self.hidesLeases = hidesLeases
            if isFaulty { memory.fail(.promote, times: 1_000_000, with: BrokerError(.unavailable, "for a test")) }
        }

        var broker: any JobBroker { memory }

        func setClock(to timestamp: Timestamp) async throws { clock.set(to: timestamp) }

        func lose(_ queue: QueueName) async throws { memory.flush() }

        func snapshot(of queue: QueueName) async throws -> BrokerSnapshot {
            var snapshot = memory.snapshot(of: queue)
            if hidesLeases { snapshot.leases = [:] }
            return snapshot
        }
    }

    /// A fresh memory ledger for every program.
    private final class LedgerCandidate: LedgerSubject {
        private let clock = TestClock()
        private let isFaulty: Bool
        private let current: Mutex<MemoryLedger>

        init(isFaulty: Bool = false) {
            self.isFaulty = isFaulty
            current = Mutex(MemoryLedger(clock: clock))
        }

        var ledger: any JobLedger { current.withLock { $0 } }

        func reset() async throws {
            let fresh = MemoryLedger(clock: clock)
            if isFaulty { fresh.fail(.blame, times: 1_000_000, with: LedgerError(.unavailable, "for a test")) }
            current.withLock { $0 = fresh }
        }

        func advanceClock(by duration: Duration) async throws { clock.advance(by: duration) }

        func now() async throws -> Timestamp { clock.timestamp }
    }
}
