// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Moves due jobs to their lanes.
actor Promoter: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "promoter"

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let queues: [QueueName]

    init(eventLoop: any EventLoop, broker: any JobBroker, queues: [QueueName]) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.queues = queues
    }

    func once() async throws -> Duration {
        var pause = Duration.seconds(1)
        for queue in queues {
            let promotion = try await broker.promote(Limits.storeBatchMax, in: queue)
            if let nextDue = promotion.nextDue { pause = min(pause, nextDue) }
        }
        return max(pause, .milliseconds(5))
    }
}
