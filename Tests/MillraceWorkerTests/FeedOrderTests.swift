// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import MillraceWorker

@Suite("FeedOrder") struct FeedOrderTests {
    private func rows(_ count: Int, _ queue: QueueName, _ priority: Priority = .normal) -> [UnfinishedJob] {
        (0..<count).map { _ in
            UnfinishedJob(id: .fresh(), queue: queue, lastToken: nil, isRunning: false, priority: priority)
        }
    }

    private func order(
        _ rows: [UnfinishedJob], _ statuses: [QueueStatus] = [], urgentShare: Double = 1, isBackwards: Bool = false
    ) -> FeedOrder {
        FeedOrder(rows, statuses, urgentShare: urgentShare, isBackwards: isBackwards)
    }

    @Test func `queues take turns`() {
        let (a, b) = (rows(3, "a"), rows(2, "b"))

        #expect(order(a + b).ids == [a[0], b[0], a[1], b[1], a[2]].map(\.id))
    }

    @Test func `the queue of which the broker holds the least goes first`() {
        let (slow, fast) = (rows(3, "slow"), rows(3, "fast"))
        let statuses = [
            QueueStatus(queue: "slow", ready: [.normal: 90_000]), QueueStatus(queue: "fast", ready: [.normal: 2]),
        ]

        #expect(order(slow + fast, statuses).ids == (fast + slow).map(\.id))
    }

    @Test func `a critical job goes before all that waits in its own queue, and is urgent`() {
        let (critical, low) = (rows(1, "a", .critical), rows(2, "a", .low))
        let statuses = [QueueStatus(queue: "a", ready: [.normal: 90_000])]

        let order = order(low + critical, statuses)

        #expect(order.ids == (critical + low).map(\.id))
        #expect(order.urgentCount == 1)
    }

    @Test func `the fuller the reserve, the fewer are urgent, but never none`() {
        let waiting = rows(300, "a")

        #expect(order(waiting).urgentCount == 200)
        #expect(order(waiting, urgentShare: 0.1).urgentCount == 20)
        #expect(order(waiting, urgentShare: 0).urgentCount == 1)
    }

    @Test func `in a backwards round a low job counts its own lane alone`() {
        let (high, low) = (rows(2, "a", .high), rows(1, "a", .low))
        let statuses = [QueueStatus(queue: "a", ready: [.high: 5000])]

        #expect(order(high + low, statuses).ids == (high + low).map(\.id))
        #expect(order(high + low, statuses, isBackwards: true).ids == (low + high).map(\.id))
        #expect(order(high + low, statuses, isBackwards: true).urgentCount == 1)
    }
}
