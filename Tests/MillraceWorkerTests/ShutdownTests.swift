// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import MillraceWorker
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Worker shutdown", .timeLimit(.minutes(1))) struct ShutdownTests {
    @Test func `a job that does not end in time is cancelled and released at no cost`() async throws {
        var fixture = WorkerFixture()
        let started = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            started.open()
            try await ContinuousClock().sleep(for: .seconds(60))
            return Count.Output(next: job.number)
        }
        var id: JobID?

        try await fixture.whileWorking { _ in
            id = try await fixture.submitter.submit(Count())
            try await started.wait()
        }

        let job = try await fixture.job(try #require(id))
        #expect(job.state == .ready)
        #expect(job.failures == 0)
        #expect(job.errors.isEmpty)
        let status = try await fixture.queueStatus()
        #expect(status.running == 0)
        #expect(status.readyCount == 1)
        #expect(try await fixture.broker.workers().isEmpty)
    }

    @Test func `a job that ends while the worker drains is recorded`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.drainTimeout = .seconds(10)
        let (started, release) = fixture.registerGated()
        var id: JobID?

        try await fixture.whileWorking { group in
            id = try await fixture.submitter.submit(Count())
            try await started.wait()
            await group.triggerGracefulShutdown()
            release.open()
        }

        #expect(try await fixture.job(try #require(id)).state == .completed)
        #expect(try await fixture.queueStatus().running == 0)
    }

    @Test func `a handler that ignores its cancellation keeps its lease, and is not released behind its back`()
        async throws
    {
        var fixture = WorkerFixture()
        let started = Gate()
        let release = Gate()
        fixture.handlers.register(Count.self) { job, _ in
            started.open()
            // A task of its own hears nothing of the cancellation.
            await Task.detached { try? await release.wait() }.value
            return Count.Output(next: job.number)
        }
        var id: JobID?

        try await fixture.whileWorking { _ in
            id = try await fixture.submitter.submit(Count())
            try await started.wait()
        }

        #expect(try await fixture.job(try #require(id)).state == .running)
        #expect(try await fixture.queueStatus().running == 1)
        release.open()
    }

    @Test func `outcomes that the ledger does not take in time do not hold up the end, and keep their leases`()
        async throws
    {
        var fixture = WorkerFixture()
        let (started, release) = fixture.registerGated()
        var id: JobID?

        try await fixture.whileWorking { _ in
            id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.ledger.takeAway()
            let records = fixture.ledger.calls(of: .record)
            release.open()
            await eventually(within: .seconds(5), "the outcome is under way") {
                fixture.ledger.calls(of: .record) > records
            }
        }
        fixture.ledger.bringBack()

        #expect(try await fixture.job(try #require(id)).state == .running)
        #expect(try await fixture.queueStatus().running == 1)
    }

    @Test func `an outcome that the ledger takes within the time left is waited for`() async throws {
        var fixture = WorkerFixture()
        fixture.configuration.drainTimeout = .seconds(10)
        fixture.configuration.cancelGrace = .seconds(20)
        let (started, release) = fixture.registerGated()
        var id: JobID?

        try await fixture.whileWorking { group in
            id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.ledger.takeAway()
            release.open()
            await group.triggerGracefulShutdown()
            let records = fixture.ledger.calls(of: .record)
            await eventually(within: .seconds(10), "the outcome is tried again while the worker drains") {
                fixture.ledger.calls(of: .record) >= records + 3
            }
            fixture.ledger.bringBack()
        }

        #expect(try await fixture.job(try #require(id)).state == .completed)
        #expect(try await fixture.queueStatus().running == 0)
    }

    @Test func `what only the broker was not told at shutdown is not called lost`() async throws {
        var fixture = WorkerFixture()
        let (started, release) = fixture.registerGated()
        let log = LogLines()
        fixture.logger = log.logger

        try await fixture.whileWorking { _ in
            let id = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.broker.takeAway()
            release.open()
            try await fixture.expect(id, toBecome: .completed)
        }

        #expect(log.all.contains { $0.hasPrefix("info the broker was not told at shutdown") }, "\(log.all)")
        #expect(!log.all.contains { $0.contains("outcomes not in the ledger") }, "\(log.all)")
    }

    @Test func `what the ledger does not have at shutdown is, and a worker that drains says what it waits for`()
        async throws
    {
        var fixture = WorkerFixture()
        let (started, release) = fixture.registerGated()
        let log = LogLines()
        fixture.logger = log.logger

        try await fixture.whileWorking { group in
            _ = try await fixture.submitter.submit(Count())
            try await started.wait()
            fixture.ledger.takeAway()
            await group.triggerGracefulShutdown()
            await eventually(within: .seconds(10), "it says that it drains") {
                log.all.contains("info draining, handlers still run")
            }
            release.open()
        }

        #expect(
            log.all.contains("warning outcomes not in the ledger at shutdown, their jobs will run again"), "\(log.all)")
        #expect(!log.all.contains { $0.contains("the broker was not told") }, "\(log.all)")
    }
}
