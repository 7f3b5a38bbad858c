// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Notices suspects of a crash that wait in vain, since no supervisor has started a process for them.
///
/// It says so to the fetcher, which drains and runs them. A live process that reports to run nothing but suspects of the queue is
/// left to it. Each process waits up to half as long again, so that not all of them drain for one job.
actor SuspectWatch: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "suspect watch"

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let fetcher: JobFetcher
    private let queues: [QueueName]
    private let patience: Duration
    private let pause: Duration
    private var waitingSince: [QueueName: ContinuousClock.Instant] = [:]

    /// - Parameter patience: how long suspects may wait for another process.
    init(
        eventLoop: any EventLoop, broker: any JobBroker, fetcher: JobFetcher, queues: [QueueName], patience: Duration
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.fetcher = fetcher
        self.queues = queues
        self.patience = patience * Double.random(in: 1...1.5)
        pause = min(.seconds(5), patience / 4)
    }

    func once() async throws -> Duration {
        let now = ContinuousClock.now
        for status in try await broker.status(of: queues) {
            let since = waitingSince[status.queue] ?? now
            waitingSince[status.queue] = status.quarantined > 0 && !status.isPaused ? since : nil
        }
        guard let (queue, _) = waitingSince.filter({ now - $0.value >= patience }).min(by: { $0.value < $1.value })
        else { return pause }
        let isServed = try await broker.workers().contains { $0.isAlone && $0.queues.contains(queue.name) }
        if !isServed { await fetcher.attend(queue) }
        return pause
    }
}
