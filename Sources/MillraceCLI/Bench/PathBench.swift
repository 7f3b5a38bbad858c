// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI
import MillraceWorker
import NIOPosix
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Measures a job's whole path: accepted into the ledger, pushed, run by a worker in this process, and recorded.
///
/// The handler returns its payload, so what is measured is Millrace.
final class PathBench: Sendable {
    struct Sample: Sendable {
        var jobsPerSecond: Double
        /// CPU for 1,000 jobs.
        var ownMilliseconds: Double
        var redisMilliseconds: Double
        var postgresMilliseconds: Double?
    }

    private static let submitters = 4
    private static let concurrency = 200
    /// Without any job's end for so long something is wrong.
    private static let patience: Duration = .seconds(60)

    private let plan: BenchPlan
    private let queue: BenchQueue
    private let stores: Stores
    private let meter: BenchMeter
    private let logger: Logger
    private let ran = Atomic<Int>(0)

    init(_ plan: BenchPlan, queue: BenchQueue, stores: Stores, meter: BenchMeter, logger: Logger) {
        self.plan = plan
        self.queue = queue
        self.stores = stores
        self.meter = meter
        self.logger = logger
    }

    /// Runs `body` while a worker takes jobs from the queue; the worker ends in order also when `body` is cancelled.
    func whileWorking(_ body: () async throws -> Void) async throws {
        var generator = SystemRandomNumberGenerator()
        let configuration = WorkerConfiguration(
            queues: [queue.name], concurrency: Self.concurrency, process: ProcessID(number: generator.next()),
            pid: getpid(), host: WorkerIdentity.host)
        var handlers = JobHandlers()
        handlers.registerRaw(BenchQueue.kind) { [self] payload, _ in
            ran.add(1, ordering: .relaxed)
            return payload
        }
        let worker = Worker(
            configuration: configuration, handlers: handlers, broker: stores.broker, ledger: stores.ledger,
            eventLoop: MultiThreadedEventLoopGroup(numberOfThreads: 1).next(), logger: logger)
        let services = ServiceGroup(services: [worker], logger: logger)
        // Not a child, which a cancellation would reach: the worker shall drain. It is awaited below.
        let working = Task { try await services.run() }
        do {
            try await body()
        } catch {
            await services.triggerGracefulShutdown()
            _ = await working.result
            throw error
        }
        await services.triggerGracefulShutdown()
        try await working.value
    }

    /// - Parameter earlier: jobs of this queue that were run before.
    func run(_ count: Int, earlier: Int) async throws -> Sample {
        let jobs = queue.jobs(count, plan)
        let before = try await meter.read()
        let start = ContinuousClock.now
        try await submit(jobs)
        try await waitUntilRecorded(earlier + count)
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let after = try await meter.read()
        func milliseconds(_ seconds: Double) -> Double { seconds * 1e6 / Double(count) }
        let postgres = after.postgres.flatMap { after in before.postgres.map { after - $0 } }
        return Sample(
            jobsPerSecond: Double(count) / elapsed, ownMilliseconds: milliseconds(after.own - before.own),
            redisMilliseconds: milliseconds(after.redis - before.redis),
            postgresMilliseconds: postgres.map(milliseconds))
    }

    private func submit(_ jobs: [NewJob]) async throws {
        let submitter = JobSubmitter(ledger: stores.ledger, broker: stores.broker, logger: logger)
        let batches = stride(from: 0, to: jobs.count, by: plan.batch).map {
            Array(jobs[$0..<min($0 + plan.batch, jobs.count)])
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.submitters {
                group.addTask {
                    for index in stride(from: number, to: batches.count, by: Self.submitters) {
                        try await seenThrough {
                            _ = try await submitter.submit(Submission(jobs: batches[index]))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Handlers are counted here; that their outcomes are recorded, and Redis is empty again, only the stores know.
    private func waitUntilRecorded(_ count: Int) async throws {
        var seen = ran.load(ordering: .relaxed)
        var deadline = ContinuousClock.now + Self.patience
        while true {
            let now = ran.load(ordering: .relaxed)
            if now >= count, try await isRecorded(count) { return }
            if now > seen { (seen, deadline) = (now, .now + Self.patience) }
            guard ContinuousClock.now < deadline else {
                throw CommandError(.unexpected, "the measurement went wrong: no job ended for \(Self.patience.text)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func isRecorded(_ count: Int) async throws -> Bool {
        let finished = try await stores.ledger.finishedCounts()[queue.name] ?? FinishedCounts()
        guard finished.deadLastDay == 0 else {
            throw CommandError(.unexpected, "the measurement went wrong: a job is dead, see its errors")
        }
        guard finished.completedLastDay >= count else { return false }
        let status = try await stores.broker.status(of: [queue.name]).first
        return status.map { $0.readyCount + $0.running == 0 } ?? true
    }
}
