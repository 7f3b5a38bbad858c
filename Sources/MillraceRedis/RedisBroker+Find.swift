// SPDX-License-Identifier: Apache-2.0

public import Millrace
import NIOCore
import RedisDriver
import Synchronization

extension RedisBroker {
    /// Queues asked for one job, all in one go.
    private static let askedQueuesMax = 4096

    public func find(_ id: JobID) async throws(BrokerError) -> FoundJob? {
        let reply = try await send(["SMEMBERS", keys.queues])
        let names = try asBroker { () throws(RedisError) in
            var names: [QueueName] = []
            for part in try reply.asArray("queues") {
                if let name = QueueName(String(decoding: try part.asBytes("queue"), as: UTF8.self)) {
                    names.append(name)
                }
            }
            return names
        }
        // Redis may just have lost the set: whoever accepted the job has not.
        let named = namedQueues.withLock { Set($0.keys) }
        let queues = named.union(names).sorted().prefix(Self.askedQueuesMax)
        let client = client()
        let replies = queues.map { queue in
            client.submit(
                BrokerScripts.findJob, keys: keys.keys(of: queue), arguments: [now, .bytes(id.bytes)],
                deadline: deadline)
        }
        for (queue, result) in zip(queues, await client.results(of: replies)) {
            let reply = try result.brokerReply()
            if let found = try asBroker({ () throws(RedisError) in try FoundJob(reply, id, in: queue) }) {
                return found
            }
        }
        return nil
    }
}

extension FoundJob {
    /// Reads the answer of `find-job`; nil when the queue does not have it.
    fileprivate init?(_ reply: RedisReply, _ id: JobID, in queue: QueueName) throws(RedisError) {
        guard !(try reply.asArray("job").isEmpty) else { return nil }
        let parts = try reply.asArray(count: 3, "job")
        let due = try parts[2].asInteger("due")
        let place: Place
        if let token = LeaseToken(bytes: try parts[1].asBytes("token")) {
            place = .leased(token)
        } else {
            place = due < 0 ? .ready : .scheduled(.milliseconds(due))
        }
        self.init(id: id, queue: queue, envelope: try parts[0].asBytes("envelope"), place: place)
    }
}
