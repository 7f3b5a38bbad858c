// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Starvation") struct StarvationTests {
    @Test(.timeLimit(.minutes(5)))
    func `no lease expires while handlers spin on every core for longer than a lease`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            try mill.startWorker(concurrency: 20)
            let cores = ProcessInfo.processInfo.activeProcessorCount

            _ = try await mill.submit(cores * 2, kind: "diagnostics.spin", payload: { _ in #"{"ms":20000}"# })
            _ = try await mill.submit(200, kind: "diagnostics.sleep", payload: { _ in #"{"ms":10}"# })

            #expect(try await mill.expectAllEnded(within: .seconds(150)))
            #expect(try await mill.count("state = 'completed' AND attempt = 1 AND crashes = 0") == 200 + cores * 2)
        }
    }
}
