// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Millrace
import MillraceTesting
import MillraceWorker
import NIOPosix
import ServiceLifecycle
import Testing

/// A worker on memory stores with the machine's clock, and the means to watch it.
struct WorkerFixture {
    let broker = MemoryBroker()
    let ledger = MemoryLedger()
    var handlers = JobHandlers()
    /// The worker's.
    var logger = Logger.quiet
    var configuration = WorkerConfiguration(
        queues: [.default], concurrency: 4, process: ProcessID(number: 7), pid: 1, host: "test",
        drainTimeout: .milliseconds(200))

    init() {
        configuration.extendInterval = .milliseconds(50)
        configuration.cancelGrace = .milliseconds(200)
        configuration.sweepAfter = .milliseconds(1)
    }

    var submitter: JobSubmitter { JobSubmitter(ledger: ledger, broker: broker, logger: .quiet) }

    /// Registers a handler of ``Count`` that opens `started` and waits for `release`.
    mutating func registerGated() -> (started: Gate, release: Gate) {
        let (started, release) = (Gate(), Gate())
        handlers.register(Count.self) { job, _ in
            started.open()
            try await release.wait()
            return Count.Output(next: job.number)
        }
        return (started, release)
    }

    /// Runs `body` beside a worker, then shuts the worker down in an orderly way.
    func whileWorking(_ body: (ServiceGroup) async throws -> Void) async throws {
        let worker = Worker(
            configuration: configuration, handlers: handlers, broker: broker, ledger: ledger,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)], logger: .quiet
            ))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(group)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// Runs a worker until it ends by itself.
    func untilItEnds() async throws {
        let worker = Worker(
            configuration: configuration, handlers: handlers, broker: broker, ledger: ledger,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: .quiet)
        try await worker.run()
    }

    func job(_ id: JobID) async throws -> JobRecord {
        try #require(try await ledger.jobs([id])[id])
    }

    func expect(
        _ id: JobID, toBecome state: JobState, within timeout: Duration = .seconds(10),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually(within: timeout, "the job becomes \(state)", sourceLocation: sourceLocation) {
            try await job(id).state == state
        }
    }

    /// Whether the queue was rebuilt. A rebuild that is interrupted starts over with yet another epoch.
    func hasNewEpoch() async throws -> Bool {
        try await queueStatus().epoch.map { $0.number >= 2 } ?? false
    }

    func queueStatus() async throws -> QueueStatus {
        try #require(try await broker.status(of: [.default]).first)
    }
}

struct Count: Job {
    static let kind: JobKind = "test.count"
    static let defaults = JobOptions(
        maxAttempts: 3, backoff: Backoff(base: .milliseconds(1), limit: .milliseconds(1)))
    var number = 1
    struct Output: Codable, Sendable, Equatable { var next: Int }
}

struct Oops: Error, CustomStringConvertible {
    let description: String
}

extension Logger {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
