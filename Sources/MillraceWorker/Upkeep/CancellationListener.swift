// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Hears of cancelled jobs, so that a running handler is stopped at once. What it misses, the next extension of the lease finds.
actor CancellationListener {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let runner: JobRunner

    init(eventLoop: any EventLoop, broker: any JobBroker, runner: JobRunner) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.runner = runner
    }

    /// Listens until it is cancelled.
    func run() async {
        for await announcement in broker.announcements() {
            if case .cancelled(let id, let token?) = announcement { await runner.lose(id, token) }
        }
    }
}
