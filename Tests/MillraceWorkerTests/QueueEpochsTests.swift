// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import MillraceWorker
import Testing

@Suite("QueueEpochs", .timeLimit(.minutes(1))) struct QueueEpochsTests {
    private let busy: QueueName = "busy"
    private let other: QueueName = "other"

    /// Runs `body` while the rebuild of the queue `busy` is under way, which in these tests never ends: something runs there.
    private func whileRebuilding(_ body: (WorkerFixture) async throws -> Void) async throws {
        var fixture = WorkerFixture()
        fixture.configuration.queues = [busy, other]
        // A rebuild waits for two of them.
        fixture.configuration.extendInterval = .seconds(60)
        try await fixture.whileWorking { _ in
            for queue in [busy, other] { try await expect(queue, toHaveEpoch: 1, fixture) }
            try await run(fixture)
            try await fixture.broker.configure(busy, isPaused: false, epoch: Epoch(number: 99))
            try await expect(busy, toHaveEpoch: 2, fixture)

            try await body(fixture)
        }
    }

    /// Has a job of the queue `busy` run in another process.
    private func run(_ fixture: WorkerFixture) async throws {
        let process = ProcessID(number: 666)
        var options = EnqueueOptions()
        options.queue = busy
        let job = try NewJob(Count(), options, now: .now())
        _ = try await fixture.ledger.accept(Submission(jobs: [job]))
        let token = LeaseToken(reservedAtMicroseconds: 1, process: process, lane: .normal)
        let verdicts = try await fixture.ledger.claim(
            [ClaimRequest(lease: Lease(id: job.id, queue: busy, token: token))], process: process)
        #expect(verdicts == [.run(Claim(attempt: 1, failures: 0, maxAttempts: Count.defaults.maxAttempts))])
    }

    private func expect(_ queue: QueueName, toHaveEpoch number: Int64, _ fixture: WorkerFixture) async throws {
        try await eventually(within: .seconds(10), "\(queue) has epoch \(number) in the ledger, and one in the broker")
        {
            let isRaised = try await fixture.ledger.queues().first { $0.queue == queue }?.epoch?.number == number
            // The first is copied to the broker a moment later.
            let isCopied = try await fixture.broker.epoch(of: queue) != nil
            return isRaised && isCopied
        }
    }

    @Test func `a queue's rebuild does not hold up another's`() async throws {
        try await whileRebuilding { fixture in
            try await fixture.broker.configure(other, isPaused: false, epoch: Epoch(number: 99))

            try await expect(other, toHaveEpoch: 2, fixture)
        }
    }

    @Test func `another server is noticed while a queue is rebuilt`() async throws {
        try await whileRebuilding { fixture in
            fixture.broker.restart()

            try await expect(other, toHaveEpoch: 2, fixture)
        }
    }
}
