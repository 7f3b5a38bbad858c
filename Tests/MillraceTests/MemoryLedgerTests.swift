// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct MemoryLedgerTests {
    @Test(arguments: LedgerConformance.allCases)
    func `the contract holds`(_ conformance: LedgerConformance) async throws {
        try await conformance.run(on: Harness())
    }

    private struct Harness: LedgerHarness {
        let clock = TestClock()
        let ledger: any JobLedger

        init() {
            ledger = MemoryLedger(clock: clock)
        }

        func advanceClock(by duration: Duration) async throws {
            clock.advance(by: duration)
        }

        func now() async throws -> Timestamp { clock.timestamp }
    }
}
