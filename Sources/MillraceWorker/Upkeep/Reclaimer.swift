// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Gives jobs whose lease has expired back to their lanes.
///
/// It must tick more often than every 2 s in some process, else the broker takes the gap for a stall of its own and waits a lease.
actor Reclaimer: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "reclaimer"

    private static let batchMax = 200

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let queues: [QueueName]

    init(eventLoop: any EventLoop, broker: any JobBroker, queues: [QueueName]) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.queues = queues
    }

    func once() async throws -> Duration {
        var pause = Duration.milliseconds(500)
        for queue in queues {
            let count = try await broker.reclaim(Self.batchMax, in: queue)
            if count > 0 { Failpoint.reached(.reclaimed) }
            if count == Self.batchMax { pause = .milliseconds(5) }
        }
        return pause
    }
}
