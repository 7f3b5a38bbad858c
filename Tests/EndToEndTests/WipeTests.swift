// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Loss of Redis", .serialized) struct WipeTests {
    @Test(.timeLimit(.minutes(5)))
    func `nothing is lost or recorded twice when Redis is wiped in the middle`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            for _ in 0..<2 { try mill.startWorker(concurrency: 32) }

            let ids = try await mill.submit(6_000, kind: "diagnostics.sleep", payload: { _ in #"{"ms":20}"# })
            for done in [500, 2_500] {
                _ = try await eventually(within: .seconds(90)) { try await mill.count("state = 'completed'") >= done }
                _ = try await mill.stores.redis("FLUSHALL")
            }

            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            #expect(try await mill.count("state = 'completed'") == ids.count)
            // Live workers declare again what they run, so nothing runs twice.
            #expect(try await mill.count("attempt > 1") == 0)
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a killed Redis that comes back goes on where it was`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            try mill.startWorker(concurrency: 32)

            let ids = try await mill.submit(2_000, kind: "diagnostics.sleep", payload: { _ in #"{"ms":50}"# })
            _ = try await eventually(within: .seconds(60)) { try await mill.count("state = 'completed'") >= 300 }
            try await mill.stores.killRedis()
            try await mill.stores.startRedis()

            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            #expect(try await mill.count("state = 'completed'") == ids.count)
            #expect(try await mill.count("attempt > 1") == 0)
        }
    }
}
