// SPDX-License-Identifier: Apache-2.0

public import Millrace
import NIOCore
import RedisDriver
import Synchronization

extension RedisBroker {
    /// A push of many large jobs is sent in parts of this size, so that none blocks Redis for long.
    private static let pushBytesMax = 4 << 20
    /// A reservation ends with the job that exceeds this, though more was asked for.
    private static let reservedBytesMax = 8 << 20
    private static let namingInterval: Duration = .seconds(10)
    private static let namedQueuesMax = 4096

    public func enqueue(_ jobs: [QueuedJob], into queue: QueueName) async throws(BrokerError) -> [EnqueueVerdict] {
        precondition(jobs.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) jobs in one call")
        if jobs.isEmpty { return [] }
        try await server.admit(deadline: deadline)
        name(queue)
        var verdicts: [EnqueueVerdict] = []
        var part = Push()
        for job in jobs {
            let envelope = job.envelope.encoded()
            if part.bytes > 0, part.bytes + envelope.count > Self.pushBytesMax {
                verdicts += try await push(part, into: queue)
                part = Push()
            }
            part.add(job, envelope)
        }
        return verdicts + (try await push(part, into: queue))
    }

    private func push(_ part: Push, into queue: QueueName) async throws(BrokerError) -> [EnqueueVerdict] {
        let reply = try await run(BrokerScripts.enqueueJobs, in: queue, part.arguments(now: now), .push)
        return try numbers(reply, count: part.lanes.count, "enqueue").map { number in
            switch number {
            case 1: .enqueued
            case 0: .known
            default: .busy
            }
        }
    }

    /// Keeps the set of queues' names. It is in a slot of its own, so the script cannot; nobody waits for it.
    /// - Parameter isAgain: Redis may have lost the set a moment ago.
    func name(_ queue: QueueName, isAgain: Bool = false) {
        let instant = ContinuousClock.now
        let isNamed = namedQueues.withLock { named in
            if !isAgain, let last = named[queue], instant - last < Self.namingInterval { return true }
            if named.count >= Self.namedQueuesMax { named.removeAll() }
            named[queue] = instant
            return false
        }
        if isNamed { return }
        client().submit(["SADD", keys.queues, .text(queue.name)]).whenFailure { [weak self] _ in
            // The next push tries again.
            self?.namedQueues.withLock { $0[queue] = nil }
        }
    }

    public func reserve(
        _ limit: Int, from queue: QueueName, epoch: Epoch, process: ProcessID, backwards: Bool
    ) async throws(BrokerError) -> Reservation {
        precondition((0...Limits.storeBatchMax).contains(limit), "0 to \(Limits.storeBatchMax) jobs in one call")
        try await server.admit(deadline: deadline)
        let reply = try await run(
            BrokerScripts.reserveJobs, in: queue,
            [
                now, .integer(limit), .integer(Int(epoch.number)), .bytes(process.number.bigEndianBytes),
                .integer(Int(Limits.lease.milliseconds)), backwards ? "1" : "0", .integer(Self.reservedBytesMax),
            ])
        return try reservation(reply, from: queue)
    }

    public func reserveSuspect(
        from queue: QueueName, epoch: Epoch, process: ProcessID
    ) async throws(BrokerError) -> Reservation {
        try await server.admit(deadline: deadline)
        let reply = try await run(
            BrokerScripts.reserveSuspect, in: queue,
            [
                now, .integer(Int(epoch.number)), .bytes(process.number.bigEndianBytes),
                .integer(Int(Limits.lease.milliseconds)),
            ])
        return try reservation(reply, from: queue)
    }

    private func reservation(_ reply: RedisReply, from queue: QueueName) throws(BrokerError) -> Reservation {
        try asBroker { () throws(RedisError) in
            let parts = try reply.asArray("reservation")
            guard parts.count >= 3, parts.count % 2 == 1 else {
                throw RedisError(.unexpectedReply, "reservation: \(parts.count) parts")
            }
            let milliseconds = try parts[2].asInteger("reservation")
            var jobs: [LeasedJob] = []
            jobs.reserveCapacity(parts.count / 2 - 1)
            for index in stride(from: 3, to: parts.count, by: 2) {
                guard let lease = LeaseMember.lease(try parts[index].asBytes("lease"), in: queue) else {
                    throw RedisError(.unexpectedReply, "reservation: a lease cannot be read")
                }
                var envelope = try parts[index + 1].asBytes("envelope")
                let isFirst = JobEnvelope.markReserved(&envelope)
                jobs.append(LeasedJob(lease: lease, envelope: envelope, isFirst: isFirst))
            }
            return Reservation(
                jobs: jobs, isMoreReady: try parts[1].asInteger("reservation") == 1,
                nextDue: milliseconds < 0 ? nil : .milliseconds(milliseconds),
                isPaused: try parts[0].asInteger("reservation") == 1)
        }
    }

    public func complete(
        _ leases: [Lease], in queue: QueueName, announcing finished: [JobID]
    ) async throws(BrokerError) -> [Bool] {
        precondition(
            max(leases.count, finished.count) <= Limits.storeBatchMax,
            "at most \(Limits.storeBatchMax) jobs in one call")
        if leases.isEmpty, finished.isEmpty { return [] }
        let announced = finished.reduce(into: [UInt8]()) { $0 += $1.bytes }
        let reply = try await run(
            BrokerScripts.completeJobs, in: queue,
            [.text(keys.finished), .bytes(announced)] + leases.map { .bytes(LeaseMember.bytes(of: $0)) })
        return try numbers(reply, count: leases.count, "complete").map { $0 > 0 }
    }

    public func retry(
        _ items: [(lease: Lease, delay: Duration)], in queue: QueueName
    ) async throws(BrokerError) -> [Bool] {
        precondition(items.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) jobs in one call")
        if items.isEmpty { return [] }
        var arguments = [now]
        for item in items {
            arguments.append(.bytes(LeaseMember.bytes(of: item.lease)))
            arguments.append(.integer(Int(max(0, item.delay.milliseconds))))
        }
        let reply = try await run(BrokerScripts.retryJobs, in: queue, arguments)
        return try numbers(reply, count: items.count, "retry").map { $0 > 0 }
    }

    public func promote(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Promotion {
        precondition((0...Limits.storeBatchMax).contains(limit), "0 to \(Limits.storeBatchMax) jobs in one call")
        let reply = try await run(BrokerScripts.promoteJobs, in: queue, [now, .integer(limit)])
        let answer = try numbers(reply, count: 2, "promote")
        return Promotion(promoted: answer[0], nextDue: answer[1] < 0 ? nil : .milliseconds(answer[1]))
    }

    public func cancel(_ id: JobID, token: LeaseToken?, in queue: QueueName) async throws(BrokerError) {
        _ = try await run(
            BrokerScripts.cancelJob, in: queue,
            [.text(keys.cancelled), .text(keys.finished), .bytes(id.bytes), .bytes(token?.bytes ?? [])])
        Failpoint.reached(.cancelTold)
    }

    public func knows(_ ids: [JobID], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        precondition(ids.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) ids in one call")
        if ids.isEmpty { return [] }
        let reply = try await run(BrokerScripts.knownJobs, in: queue, ids.map { .bytes($0.bytes) })
        return try numbers(reply, count: ids.count, "knows").map { $0 > 0 }
    }

    /// A reply of exactly `count` integers.
    func numbers(_ reply: RedisReply, count: Int, _ what: StaticString) throws(BrokerError) -> [Int] {
        try asBroker { () throws(RedisError) in
            var numbers: [Int] = []
            numbers.reserveCapacity(count)
            for part in try reply.asArray(count: count, what) { numbers.append(try part.asInteger(what)) }
            return numbers
        }
    }
}

/// The arguments of `enqueue-jobs`, column by column: Redis copies each argument, and most jobs need but two.
private struct Push {
    var lanes: [UInt8] = []
    var bytes = 0
    private var delays: [UInt8] = []
    private var tokens: [UInt8] = []
    private var jobs: [RedisArgument] = []
    private var hasDelay = false
    private var hasToken = false
    private static let suspectMark: UInt8 = 4
    private static let noToken = [UInt8](repeating: 0, count: 17)

    mutating func add(_ job: QueuedJob, _ envelope: [UInt8]) {
        let delay = max(0, job.delay.milliseconds)
        hasDelay = hasDelay || delay > 0
        hasToken = hasToken || job.lastToken != nil
        lanes.append(job.priority.rawValue + (job.isSuspect ? Self.suspectMark : 0))
        delays += delay.bigEndianBytes
        tokens += job.lastToken?.bytes ?? Self.noToken
        jobs.append(.bytes(job.id.bytes))
        jobs.append(.bytes(envelope))
        bytes += envelope.count
    }

    func arguments(now: RedisArgument) -> [RedisArgument] {
        [now, .bytes(lanes), .bytes(hasDelay ? delays : []), .bytes(hasToken ? tokens : [])] + jobs
    }
}
