// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import MillraceWorker
import Testing

@Suite("QueueEpochs", .timeLimit(.minutes(1))) struct QueueEpochsTests {
    private let busy: QueueName = "busy"
    private let other: QueueName = "other"

    /// Runs `body` while the rebuild of the queue `busy` is under way, which in these tests never ends.
    private func whileRebuilding(_ body: (WorkerFixture) async throws -> Void) async throws {
        var fixture = WorkerFixture()
        fixture.configuration.queues = [busy, other]
        // A rebuild waits for two of them.
        fixture.configuration.extendInterval = .seconds(60)
        try await fixture.whileWorking { _ in
            for queue in [busy, other] { try await expect(queue, toHaveEpoch: 1, fixture) }
            try await fixture.broker.configure(busy, isPaused: false, epoch: Epoch(number: 99))
            try await expect(busy, toHaveEpoch: 2, fixture)

            try await body(fixture)
        }
    }

    private func expect(_ queue: QueueName, toHaveEpoch number: Int64, _ fixture: WorkerFixture) async throws {
        try await eventually(within: .seconds(10), "\(queue) has epoch \(number) in the ledger") {
            try await fixture.ledger.queues().first { $0.queue == queue }?.epoch?.number == number
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
