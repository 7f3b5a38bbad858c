// SPDX-License-Identifier: Apache-2.0

public import Millrace
import RedisDriver

extension RedisBroker {
    /// Longer silence between two ticks of reclaim means that Redis was away.
    private static let tickGapMax: Duration = .seconds(2)
    private static let redeclaredBytesMax = 4 << 20

    public func release(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        precondition(leases.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) leases in one call")
        if leases.isEmpty { return [] }
        return try await release(members: leases.map { LeaseMember.bytes(of: $0) }, in: queue).map { $0 > 0 }
    }

    public func quarantine(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        precondition(leases.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) leases in one call")
        if leases.isEmpty { return [] }
        let reply = try await run(
            BrokerScripts.quarantineJobs, in: queue, leases.map { .bytes(LeaseMember.bytes(of: $0)) })
        return try numbers(reply, count: leases.count, "quarantine").map { $0 > 0 }
    }

    /// 1 = put back, 2 = held, but its job was cancelled, 0 = not held.
    private func release(members: [[UInt8]], in queue: QueueName) async throws(BrokerError) -> [Int] {
        let reply = try await run(BrokerScripts.releaseLeases, in: queue, members.map { .bytes($0) })
        return try numbers(reply, count: members.count, "release")
    }

    public func extend(
        _ leases: [Lease], in queue: QueueName, epoch: Epoch, by duration: Duration
    ) async throws(BrokerError) -> [LeaseStatus] {
        precondition(leases.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) leases in one call")
        if leases.isEmpty { return [] }
        let reply = try await run(
            BrokerScripts.extendLeases, in: queue,
            [now, .integer(Int(duration.milliseconds)), .integer(Int(epoch.number))]
                + leases.map { .bytes(LeaseMember.bytes(of: $0)) }, .lease)
        return try numbers(reply, count: leases.count, "extend").map { number in
            switch number {
            case 0: .lost
            case ..<0: .unknown
            default: .owned
            }
        }
    }

    public func redeclare(
        _ jobs: [LeasedJob], in queue: QueueName, by duration: Duration
    ) async throws(BrokerError) -> [Bool] {
        precondition(jobs.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) jobs in one call")
        name(queue, isAgain: true)
        var answers: [Bool] = []
        while answers.count < jobs.count {
            var arguments = [now, .integer(Int(duration.milliseconds))]
            var bytes = 0
            for job in jobs[answers.count...] {
                if bytes > 0, bytes + job.envelope.count > Self.redeclaredBytesMax { break }
                bytes += job.envelope.count
                arguments.append(.bytes(LeaseMember.bytes(of: job.lease)))
                arguments.append(.bytes(job.envelope))
            }
            let reply = try await run(BrokerScripts.redeclareJobs, in: queue, arguments, .lease)
            answers += try numbers(reply, count: arguments.count / 2 - 1, "redeclare").map { $0 > 0 }
        }
        return answers
    }

    public func reclaim(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Int {
        precondition((0...Limits.storeBatchMax).contains(limit), "0 to \(Limits.storeBatchMax) leases in one call")
        let reply = try await run(
            BrokerScripts.reclaimLeases, in: queue,
            [
                now, .integer(limit), .integer(Int(Limits.lease.milliseconds)),
                .integer(Int(Self.tickGapMax.milliseconds)),
            ])
        return try asBroker { () throws(RedisError) in try reply.asInteger("reclaim") }
    }

    /// Reads all leases, which are as few as slots, and releases those of the process: it is dead, so none of them changes hands but
    /// by reclaim, which the tokens fence.
    public func releaseAll(of process: ProcessID, in queue: QueueName) async throws(BrokerError) -> Int {
        let owner = process.number.bigEndianBytes
        let reply = try await send(["ZRANGE", keys.leases(of: queue), 0, -1])
        let members = try asBroker { () throws(RedisError) in
            var members: [[UInt8]] = []
            for part in try reply.asArray("leases") {
                let member = try part.asBytes("lease")
                if member.count == LeaseMember.byteCount, member[24..<32] == owner[...] { members.append(member) }
            }
            return members
        }
        var count = 0
        // The last batch first: what goes to the head of a lane later stands before it.
        for start in stride(from: 0, to: members.count, by: Limits.storeBatchMax).reversed() {
            let batch = members[start..<min(start + Limits.storeBatchMax, members.count)]
            count += try await release(members: Array(batch), in: queue).count { $0 == 1 }
        }
        return count
    }
}
