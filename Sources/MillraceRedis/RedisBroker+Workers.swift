// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import Millrace
import RedisDriver

extension RedisBroker {
    private static let reportRetention: Duration = .seconds(30)

    public func waitForWork(in queues: [QueueName], timeout: Duration) async throws(BrokerError) {
        precondition(!queues.isEmpty, "nobody waits for no queue")
        let names = queues.map { keys.bell(of: $0) }
        try await asBroker { () async throws(RedisError) in try await bells.wait(for: names, timeout: timeout) }
    }

    public func report(_ worker: WorkerReport) async throws(BrokerError) {
        let report: [UInt8]
        do {
            report = try Array(JSONEncoder().encode(worker))
        } catch {
            throw BrokerError(.protocolViolation, "a worker's report cannot be encoded: \(error)")
        }
        let arguments: [RedisArgument] = [
            now, .text(worker.process), .bytes(report), .integer(Int(Self.reportRetention.milliseconds)),
        ]
        _ = try await asBroker { () async throws(RedisError) in
            try await client().run(
                BrokerScripts.reportWorker, keys: [keys.workers], arguments: arguments, deadline: deadline)
        }
    }

    public func workers() async throws(BrokerError) -> [WorkerReport] {
        let reply = try await send(["HVALS", keys.workers])
        let now = try await redisTime()
        return try asBroker { () throws(RedisError) in
            var reports: [WorkerReport] = []
            for part in try reply.asArray("workers") {
                // Of another release, or not ours: not worth failing for.
                guard case (let time, var report)? = Self.report(try part.asBytes("worker")) else { continue }
                guard now - time <= Self.reportRetention else { continue }
                report.silence = max(.zero, now - time)
                reports.append(report)
            }
            return reports.sorted { $0.process < $1.process }
        }
    }

    public func withdraw(_ process: ProcessID) async throws(BrokerError) {
        _ = try await send(["HDEL", keys.workers, .text("\(process)")])
    }

    /// Redis's clock, or the tests'.
    private func redisTime() async throws(BrokerError) -> Timestamp {
        if case .integer(let milliseconds) = now { return Timestamp(unixMilliseconds: Int64(milliseconds)) }
        let reply = try await send(["TIME"])
        return try asBroker { () throws(RedisError) in
            let parts = try reply.asArray(count: 2, "TIME")
            guard let seconds = Int64(try parts[0].asText()), let micros = Int64(try parts[1].asText()) else {
                throw RedisError(.unexpectedReply, "TIME: no integers")
            }
            guard (0..<1 << 40).contains(seconds), (0..<1_000_000).contains(micros) else {
                throw RedisError(.unexpectedReply, "TIME: no time")
            }
            return Timestamp(unixMilliseconds: seconds * 1000 + micros / 1000)
        }
    }

    /// Reads the time of a report (Unix ms), a space, and the report as JSON.
    private static func report(_ bytes: [UInt8]) -> (time: Timestamp, report: WorkerReport)? {
        guard let space = bytes.firstIndex(of: UInt8(ascii: " ")),
            let time = Int64(String(decoding: bytes[..<space], as: UTF8.self)),
            let report = try? JSONDecoder().decode(WorkerReport.self, from: Data(bytes[(space + 1)...]))
        else { return nil }
        return (Timestamp(unixMilliseconds: time), report)
    }
}
