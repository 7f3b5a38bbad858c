// SPDX-License-Identifier: Apache-2.0

public import Millrace
import NIOCore
import RedisDriver
import Synchronization

/// How full Redis is.
extension RedisBroker {
    private static let countedQueuesMax = 1000
    /// Of a queue: more than Redis could keep.
    private static let liveJobsMax = 1 << 40
    private static let namesInterval: Duration = .seconds(5)

    public func memory() async throws(BrokerError) -> BrokerMemory {
        let client = client()
        let info = RedisInfo(
            try await asBroker { () async throws(RedisError) in
                try await client.send(["INFO", "memory"], deadline: deadline)
            })
        guard let used = info["used_memory"].flatMap({ Int($0) }), used >= 0 else {
            throw BrokerError(.protocolViolation, "INFO has no used_memory")
        }
        // What the server does not tell is not limited.
        let serverMax = info["maxmemory"].flatMap { Int($0) } ?? 0
        let limits = [serverMax > 0 ? serverMax : nil, memoryBytesMax].compactMap(\.self)
        guard let limit = limits.min() else { return BrokerMemory(usedBytes: used, bytesMax: nil, liveJobs: 0) }
        return BrokerMemory(usedBytes: used, bytesMax: limit, liveJobs: try await liveJobs())
    }

    private func liveJobs() async throws(BrokerError) -> Int {
        let client = client()
        let replies = try await queuesToCount().map { queue in
            client.submit(["HLEN", keys.jobs(of: queue)], deadline: deadline)
        }
        // Not `get()`, which resumes on the default executor.
        let results = await withCheckedContinuation { continuation in
            EventLoopFuture.whenAllComplete(replies, on: client.eventLoop).whenSuccess {
                continuation.resume(returning: $0)
            }
        }
        var count = 0
        for result in results {
            let reply = try result.brokerReply()
            let length = try asBroker { () throws(RedisError) in try reply.asInteger("HLEN") }
            // No server holds that many; a nonsensical one may say so.
            guard (0...Self.liveJobsMax).contains(length) else {
                throw BrokerError(.protocolViolation, "HLEN: \(length) jobs")
            }
            count += length
        }
        return count
    }

    /// All queues that any process has pushed to, as of some seconds ago.
    private func queuesToCount() async throws(BrokerError) -> [QueueName] {
        let known = countedQueues.withLock { $0 }
        if let known, ContinuousClock.now - known.at < Self.namesInterval { return known.queues }
        let reply = try await asBroker { () async throws(RedisError) in
            try await client().send(["SMEMBERS", keys.queues], deadline: deadline)
        }
        let names = try asBroker { () throws(RedisError) in
            var names: [QueueName] = []
            for part in try reply.asArray("queues") {
                if let name = QueueName(try part.asText()) { names.append(name) }
            }
            return Array(names.prefix(Self.countedQueuesMax))
        }
        countedQueues.withLock { $0 = (names, .now) }
        return names
    }
}
