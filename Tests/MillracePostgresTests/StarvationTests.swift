// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

/// Handlers that compute for minutes occupy all of Swift's threads. Who is not on one of them must get through all the same.
@Suite("PostgresLedger without Swift's threads", .needsPostgres) struct StarvationTests {
    @Test func `submissions and claims go on while every thread of the pool computes`() async throws {
        try await TestDatabase.withLedger { ledger, _ in
            // Connects all that is needed.
            try await ledger.start(Samples.job())
            let thread = ThreadExecutor()
            defer { thread.stop() }

            let hogs = Hogs()
            try await withTaskExecutorPreference(DelegatingTaskExecutor { thread.execute($0) }) {
                hogs.occupyAllThreads()
                defer { hogs.end() }
                for _ in 0..<3 { try await ledger.start(Samples.job()) }
            }

            #expect(!hogs.haveGivenUp)
        }
    }
}
