// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Says every few seconds that this process lives and what it does.
actor Reporter: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "reporter"

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let runner: JobRunner
    private let configuration: WorkerConfiguration
    private let kinds: [String]
    private let startedAt = Timestamp.now()
    private var isDraining = false
    private let isAlone: Bool

    init(
        eventLoop: any EventLoop, broker: any JobBroker, runner: JobRunner, configuration: WorkerConfiguration,
        kinds: [JobKind]
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.runner = runner
        self.configuration = configuration
        self.kinds = kinds.map(\.name)
        isAlone = if case .only = configuration.suspects { true } else { false }
    }

    func setDraining() {
        isDraining = true
    }

    func once() async throws -> Duration {
        try await broker.report(
            WorkerReport(
                process: configuration.process.description, pid: configuration.pid, host: configuration.host,
                pool: configuration.pool, queues: configuration.queues.map(\.name),
                concurrency: configuration.concurrency, running: runner.runningCount,
                startedAtUnixMilliseconds: startedAt.unixMilliseconds, isDraining: isDraining,
                stuck: runner.stuckCount, longest: runner.longestRunning(WorkerReport.longestMax), kinds: kinds,
                isAlone: isAlone))
        return .seconds(2)
    }
}
