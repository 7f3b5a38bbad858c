// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Measures the broker alone: all jobs of a run enqueued, then reserved and completed, one call after the other.
struct BrokerBench {
    struct Sample: Sendable {
        var jobsPerSecond: Double
        var redisMicrosecondsPerJob: Double
    }

    // No worker takes from the queue, so nobody rebuilds it, and any epoch will do.
    private static let epoch = Epoch(number: 1)

    let plan: BenchPlan
    let queue: BenchQueue
    let broker: any JobBroker
    let meter: BenchMeter

    func prepare() async throws {
        try await broker.configure(queue.name, isPaused: false, epoch: Self.epoch)
    }

    func run() async throws -> Sample {
        let jobs = queue.jobs(plan.jobs, plan).map { job in
            QueuedJob(id: job.id, priority: job.priority, delay: .zero, envelope: JobEnvelope(of: job))
        }
        var generator = SystemRandomNumberGenerator()
        let process = ProcessID(number: generator.next())
        let before = try await meter.read()
        let start = ContinuousClock.now
        for range in plan.batches { try await seenThrough { try await enqueue(Array(jobs[range])) } }
        var left = jobs.count
        while left > 0 { left -= try await seenThrough { try await takeOne(for: process) } }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let after = try await meter.read()
        return Sample(
            jobsPerSecond: Double(jobs.count) / elapsed,
            redisMicrosecondsPerJob: (after.redis - before.redis) * 1e6 / Double(jobs.count))
    }

    private func enqueue(_ jobs: [QueuedJob]) async throws {
        let verdicts = try await broker.enqueue(jobs, into: queue.name)
        guard verdicts.allSatisfy({ $0 == .enqueued }) else { throw Self.wrong("a new job was not enqueued") }
    }

    /// Reserves and completes one batch; returns its size.
    private func takeOne(for process: ProcessID) async throws -> Int {
        let reservation = try await broker.reserve(
            plan.batch, from: queue.name, epoch: Self.epoch, process: process, backwards: false)
        guard !reservation.jobs.isEmpty else { throw Self.wrong("jobs are ready and none was reserved") }
        let leases = reservation.jobs.map(\.lease)
        let held = try await broker.complete(leases, in: queue.name, announcing: leases.map(\.id))
        guard held.allSatisfy({ $0 }) else { throw Self.wrong("a fresh lease was not held") }
        return leases.count
    }

    private static func wrong(_ what: String) -> CommandError {
        CommandError(.unexpected, "the measurement went wrong: \(what)")
    }
}
