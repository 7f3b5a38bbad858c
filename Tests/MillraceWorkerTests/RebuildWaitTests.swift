// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import MillraceWorker
import Testing

/// How long a rebuild waits for what live workers may still declare.
@Suite("Waits of a rebuild", .timeLimit(.minutes(1))) struct RebuildWaitTests {
    @Test func `a queue of which nothing runs goes on soon, and a restart that kept the data is no warning`()
        async throws
    {
        var fixture = WorkerFixture()
        // Twice that would be longer than this test may take.
        fixture.configuration.extendInterval = .seconds(60)
        let log = LogLines()
        fixture.logger = log.logger
        fixture.handlers.register(Count.self) { job, _ in Count.Output(next: job.number) }

        try await fixture.whileWorking { _ in
            let before = try await fixture.submitter.submit(Count())
            try await fixture.expect(before, toBecome: .completed)
            fixture.broker.restart()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
            let after = try await fixture.submitter.submit(Count())
            try await fixture.expect(after, toBecome: .completed)
        }

        #expect(log.all.contains("info broker was restarted, queue is compared with the ledger"), "\(log.all)")
        #expect(log.all.contains("info queue rebuilt"), "\(log.all)")
        #expect(!log.all.contains { $0.hasPrefix("warning") }, "\(log.all)")
    }

    @Test func `a broker that lost its data is a warning`() async throws {
        var fixture = WorkerFixture()
        let log = LogLines()
        fixture.logger = log.logger

        try await fixture.whileWorking { _ in
            try await eventually(within: .seconds(10), "the queue has its epoch") {
                try await fixture.queueStatus().epoch != nil
            }
            fixture.broker.flush()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
        }

        #expect(log.all.contains("warning broker lost data, rebuilding queue from the ledger"), "\(log.all)")
    }

    @Test func `with a job that runs it waits for two extensions`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.extendInterval = .seconds(2)
        let (started, release) = fixture.registerGated()

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            let start = ContinuousClock.now
            fixture.broker.flush()
            try await eventually(within: .seconds(30), "the queue is rebuilt") { try await fixture.hasNewEpoch() }
            #expect(ContinuousClock.now - start >= .seconds(4))
            release.open()
            try await fixture.expect(id, toBecome: .completed)
            #expect(try await fixture.job(id).attempt == 1)
        }
    }
}
