// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func queues() async throws(LedgerError) -> [QueueSettings] {
        let result = try await run(Statements.listQueues)
        return try decoding { () throws(PostgresError) in
            var queues: [QueueSettings] = []
            for row in result.rows {
                queues.append(
                    QueueSettings(
                        queue: try row.queue(0), isPaused: try row.bool(1),
                        epoch: try row.int8IfPresent(2).map { Epoch(number: $0) }, serverID: try row.textIfPresent(3)))
            }
            return queues
        }
    }

    public func ensureQueue(_ queue: QueueName) async throws(LedgerError) {
        try await run(Statements.ensureQueues, [.textArray([queue.name])])
        knownQueues.add([queue])
    }

    public func setPaused(_ isPaused: Bool, queue: QueueName) async throws(LedgerError) {
        try await run(Statements.setPaused, [.text(queue.name), .bool(isPaused)])
        // A claim that began before may still be granted; when this has returned, it has been.
        if isPaused { try await run(Statements.drainClaims, [.text(queue.name)]) }
    }

    public func establishEpoch(of queue: QueueName, serverID: String) async throws(LedgerError) -> Epoch {
        let row = try await first(of: Statements.establishEpoch, [.text(queue.name), .text(serverID)])
        return try decoding { () throws(PostgresError) in Epoch(number: try row.int8(0)) }
    }

    public func raiseEpoch(
        of queue: QueueName, serverID: String, goesOn: Bool
    ) async throws(LedgerError) -> RaisedEpoch {
        let row = try await first(of: Statements.raiseEpoch, [.text(queue.name), .text(serverID), .bool(goesOn)])
        return try decoding { () throws(PostgresError) in
            RaisedEpoch(
                epoch: Epoch(number: try row.int8(0)), waited: try row.int8IfPresent(1).map { .milliseconds($0) })
        }
    }

    public func beginWait(of queue: QueueName, epoch: Epoch) async throws(LedgerError) {
        try await run(Statements.beginWait, [.text(queue.name), .int8(epoch.number)])
    }

    public func poolCounts() async throws(LedgerError) -> [String: Int] {
        let result = try await run(Statements.listPools)
        return try decoding { () throws(PostgresError) in
            var counts: [String: Int] = [:]
            for row in result.rows { counts[try row.text(0)] = try row.integer(1) }
            return counts
        }
    }

    public func setPoolCount(_ count: Int?, pool: String) async throws(LedgerError) {
        try await run(Statements.setPool, [.text(pool), .int4(count.map { Int32(clamping: $0) })])
    }
}
