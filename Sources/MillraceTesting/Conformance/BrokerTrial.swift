// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

/// One run of a case: a queue of its own, with an epoch, and short ways to use it.
struct BrokerTrial: Sendable {
    let harness: any BrokerHarness
    let queue: QueueName
    let epoch = Epoch(number: 7)
    let process: ProcessID
    let otherProcess: ProcessID

    init(harness: any BrokerHarness) {
        self.harness = harness
        queue = Self.freshQueue()
        process = ProcessID(number: .random(in: 0...(.max)))
        otherProcess = ProcessID(number: .random(in: 0...(.max)))
    }

    var broker: any JobBroker { harness.broker }

    static func freshQueue() -> QueueName {
        QueueName("conformance-" + Hexadecimal.digits(of: UInt64.random(in: 0...(.max)).bigEndianBytes)) ?? .default
    }

    static func freshID() -> JobID {
        var generator = SystemRandomNumberGenerator()
        return JobID(at: .now(), using: &generator)
    }

    func advance(by duration: Duration) async throws {
        try await harness.advanceClock(by: duration)
    }

    /// Gives the queue its epoch, so that it can be reserved from.
    func open() async throws {
        try await broker.configure(queue, isPaused: false, epoch: epoch)
    }

    func job(
        _ payload: String = "{}", priority: Priority = .normal, delay: Duration = .zero, id: JobID = freshID()
    ) -> QueuedJob {
        QueuedJob(
            id: id, priority: priority, delay: delay,
            envelope: JobEnvelope(kind: "conformance.test", createdAt: id.time, payload: Array(payload.utf8)))
    }

    /// Enqueues jobs that must all be new.
    func enqueue(_ jobs: [QueuedJob], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let verdicts = try await broker.enqueue(jobs, into: queue)
        #expect(verdicts == jobs.map { _ in .enqueued }, sourceLocation: sourceLocation)
    }

    /// Opens the queue and enqueues fresh jobs into one lane.
    func prepare(
        _ count: Int, priority: Priority = .normal, delay: Duration = .zero,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [QueuedJob] {
        try await open()
        let jobs = (0..<count).map { job("{\"number\":\($0)}", priority: priority, delay: delay) }
        try await enqueue(jobs, sourceLocation: sourceLocation)
        return jobs
    }

    /// Reserves at a time of its own, so that no two tokens are the same even where the clock stands still.
    func reservation(
        _ limit: Int = 100, process: ProcessID? = nil, backwards: Bool = false
    ) async throws -> Reservation {
        try await advance(by: .milliseconds(1))
        return try await broker.reserve(
            limit, from: queue, epoch: epoch, process: process ?? self.process, backwards: backwards)
    }

    func reserve(_ limit: Int = 100, process: ProcessID? = nil, backwards: Bool = false) async throws -> [LeasedJob] {
        try await reservation(limit, process: process, backwards: backwards).jobs
    }

    /// Opens the queue, enqueues a job and reserves it.
    func reserveFresh(
        priority: Priority = .normal, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LeasedJob {
        let enqueued = try await prepare(1, priority: priority, sourceLocation: sourceLocation)
        let reserved = try #require(try await reserve(1).first, sourceLocation: sourceLocation)
        #expect(reserved.lease.id == enqueued.first?.id, sourceLocation: sourceLocation)
        return reserved
    }

    /// Reclaims at least every 2 s for a time by the broker's clock; returns how many were put back.
    func tick(for duration: Duration, limit: Int = 200) async throws -> Int {
        let step: Duration = .milliseconds(1500)
        var left = duration
        var reclaimed = try await broker.reclaim(limit, in: queue)
        while left > .zero {
            try await advance(by: min(step, left))
            left -= step
            reclaimed += try await broker.reclaim(limit, in: queue)
        }
        return reclaimed
    }

    func status() async throws -> QueueStatus {
        try #require(try await broker.status(of: [queue]).first)
    }

    /// Nothing of any job is left.
    func expectEmpty(_ ids: [JobID], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let status = try await status()
        #expect(status.ready.values.allSatisfy { $0 == 0 }, sourceLocation: sourceLocation)
        #expect(status.scheduled == 0, sourceLocation: sourceLocation)
        #expect(status.running == 0, sourceLocation: sourceLocation)
        #expect(status.cancelledEntries == 0, sourceLocation: sourceLocation)
        #expect(status.oldestReady == nil, sourceLocation: sourceLocation)
        let known = try await broker.knows(ids, in: queue)
        #expect(known == ids.map { _ in false }, sourceLocation: sourceLocation)
    }
}

extension [LeasedJob] {
    var ids: [JobID] { map(\.lease.id) }
    var leases: [Lease] { map(\.lease) }
}

extension [QueuedJob] {
    var ids: [JobID] { map(\.id) }
}
