// SPDX-License-Identifier: Apache-2.0

import MillraceTesting
import Testing

@Suite("RedisBroker's contract", .needsRedis) struct BrokerConformanceTests {
    @Test(arguments: BrokerConformance.allCases)
    func `the contract holds`(_ conformance: BrokerConformance) async throws {
        try await TestRedis.with { fixture in
            try await conformance.run(on: fixture)
        }
    }
}
