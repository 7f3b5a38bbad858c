// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Crashes") struct CrashTests {
    @Test(.timeLimit(.minutes(5)))
    func `twenty thousand jobs are each recorded once while workers are killed`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            var workers = [try mill.startWorker(concurrency: 64), try mill.startWorker(concurrency: 64)]

            let ids = try await mill.submit(20_000, kind: "diagnostics.echo", payload: { "{\"number\":\($0)}" })
            for kill in 1...5 {
                _ = try await eventually(within: .seconds(60)) {
                    try await mill.count("state = 'completed'") >= kill * 2_000
                }
                workers.removeFirst().signal(SIGKILL)
                workers.append(try mill.startWorker(concurrency: 64))
            }

            #expect(Set(ids).count == 20_000)
            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            #expect(try await mill.count("state = 'completed' AND result::text = payload::text") == 20_000)
            #expect(try await mill.count("attempt < 1 OR failures > 0") == 0)
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }
}
