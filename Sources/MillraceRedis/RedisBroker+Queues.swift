// SPDX-License-Identifier: Apache-2.0

public import Millrace
import NIOCore
import RedisDriver

extension RedisBroker {
    public func configure(_ queue: QueueName, isPaused: Bool, epoch: Epoch?) async throws(BrokerError) {
        if epoch == .rebuilding { name(queue, isAgain: true) }
        _ = try await run(
            BrokerScripts.configureQueue, in: queue,
            [isPaused ? "1" : "0", epoch.map { .integer(Int($0.number)) } ?? ""])
    }

    public func epoch(of queue: QueueName) async throws(BrokerError) -> Epoch? {
        let reply = try await send(["HGET", keys.meta(of: queue), "epoch"])
        return try asBroker { () throws(RedisError) in try reply.asEpoch() }
    }

    public func serverID() async throws(BrokerError) -> String {
        let server = RedisInfo(try await send(["INFO", "server"]))
        let replication = RedisInfo(try await send(["INFO", "replication"]))
        guard let run = server["run_id"], let data = replication["master_replid"] else {
            throw BrokerError(.protocolViolation, "INFO has no run_id or no master_replid")
        }
        return "\(run) \(data)"
    }

    public func status(of queues: [QueueName]) async throws(BrokerError) -> [QueueStatus] {
        let client = client()
        let replies = queues.map { queue in
            client.submit(BrokerScripts.queueStatus, keys: keys.keys(of: queue), deadline: deadline)
        }
        var statuses: [QueueStatus] = []
        for (queue, result) in zip(queues, await client.results(of: replies)) {
            let reply = try result.brokerReply()
            statuses.append(try asBroker { () throws(RedisError) in try QueueStatus(reply, of: queue) })
        }
        return statuses
    }
}

extension RedisBroker {
    /// Removes all that is kept of a queue, its jobs included: for a queue of the caller's own.
    package func forget(_ queue: QueueName) async throws(BrokerError) {
        _ = try await send(RedisCommand([RedisArgument.text("UNLINK")] + keys.keys(of: queue)))
        _ = try await send(["SREM", keys.queues, .text(queue.name)])
    }
}

extension RedisClient {
    /// All replies, as they come. Not by `get()`, which resumes on the default executor.
    func results(of replies: [EventLoopFuture<RedisReply>]) async -> [Result<RedisReply, any Error>] {
        await withCheckedContinuation { continuation in
            EventLoopFuture.whenAllComplete(replies, on: eventLoop).whenSuccess { continuation.resume(returning: $0) }
        }
    }
}

extension Result where Success == RedisReply, Failure == any Error {
    func brokerReply() throws(BrokerError) -> RedisReply {
        switch self {
        case .success(let reply): return reply
        case .failure(let error as RedisError): throw BrokerError(error)
        case .failure(let error): throw BrokerError(.unavailable, "\(error)")
        }
    }
}

extension QueueStatus {
    /// Reads the answer of `queue-status`.
    fileprivate init(_ reply: RedisReply, of queue: QueueName) throws(RedisError) {
        let parts = try reply.asArray(count: 14, "status")
        self.init(
            queue: queue, scheduled: try parts[1].asInteger("scheduled"), running: try parts[0].asInteger("leases"),
            quarantined: try parts[9].asInteger("quarantine"),
            cancelledEntries: max(0, Int(try parts[4].asOptionalText() ?? "0") ?? 0),
            isPaused: try parts[3].asOptionalText() == "1", epoch: try parts[2].asEpoch())
        for priority in Priority.allCases {
            let lane = Int(priority.rawValue)
            let count = try parts[5 + lane].asInteger("lane")
            if count > 0 { ready[priority] = count }
            guard let id = try parts[10 + lane].asOptionalBytes("head").flatMap({ JobID(bytes: $0) }) else { continue }
            oldestReady = min(oldestReady ?? id, id)
        }
    }
}

extension RedisReply {
    fileprivate func asOptionalText() throws(RedisError) -> String? {
        try asOptionalBytes("meta").map { String(decoding: $0, as: UTF8.self) }
    }

    /// nil when Redis has none.
    fileprivate func asEpoch() throws(RedisError) -> Epoch? {
        guard let text = try asOptionalText() else { return nil }
        guard let number = Int64(text) else { throw RedisError(.unexpectedReply, "epoch: no integer") }
        return Epoch(number: number)
    }
}
