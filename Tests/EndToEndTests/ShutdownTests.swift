// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Shutdown") struct ShutdownTests {
    @Test(.timeLimit(.minutes(2)))
    func `a worker that is asked to end finishes what it runs and takes nothing new`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let worker = try mill.startWorker(concurrency: 4)
            _ = try await mill.submit(20, kind: "diagnostics.sleep", payload: { _ in #"{"ms":1500}"# })
            _ = try await eventually(within: .seconds(20)) { try await mill.count("state = 'running'") == 4 }

            worker.signal(SIGTERM)

            #expect(await worker.exitCode(within: 20) == 0)
            #expect(try await mill.count("state = 'completed'") == 4)
            #expect(try await mill.count("state = 'ready' AND attempt = 0") == 16)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a trap takes its process down, and the others' jobs are done elsewhere`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let worker = try mill.startWorker(concurrency: 4)
            _ = try await mill.submit(1, kind: "diagnostics.crash", payload: { _ in "{}" })

            let code = await worker.exitCode(within: 30)

            #expect(code.map { $0 < 0 } == true, "ended with \(String(describing: code))")
            #expect(try await mill.count("state = 'running'") == 1)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `the first signal says that it drains, the second one ends at once and says what that means`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let worker = try mill.startWorker(concurrency: 4)
            _ = try await mill.submit(1, kind: "diagnostics.sleep", payload: { _ in #"{"ms":60000}"# })
            _ = try await eventually(within: .seconds(20)) { try await mill.count("state = 'running'") == 1 }

            worker.signal(SIGTERM)
            let drains = await eventually(within: .seconds(20)) {
                worker.log.contains("millrace: draining: running handlers have up to 25s; Ctrl-C again ends it at once")
                    && worker.log.contains("info draining, handlers still run count=1")
            }
            worker.signal(SIGTERM)

            #expect(drains, "\(worker.log)")
            #expect(await worker.exitCode(within: 10) == 128 + SIGTERM)
            #expect(worker.log.contains("millrace: ended at once: jobs that ran run again elsewhere"), "\(worker.log)")
        }
    }
}
