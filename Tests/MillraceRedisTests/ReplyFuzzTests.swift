// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceRedis
import MillraceTesting
import Testing

/// Replies at random: every call must end with a value or with a broker's error, and none may bring the process down or keep what
/// it was sent.
@Suite("Replies at random") struct ReplyFuzzTests {
    @Test(.timeLimit(.minutes(2)))
    func `a server that answers nonsense costs errors, no traps and no memory`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        let server = try NonsenseServer(seed: seed)
        defer { server.close() }
        let broker = try RedisFixture.broker(url: "redis://127.0.0.1:\(server.port)", prefix: "test", clock: nil)
        let caller = NonsenseCaller(broker: broker)
        let listening = Task {
            var count = 0
            for await _ in broker.announcements() { count += 1 }
            return count
        }
        var random = NonsenseServer.Generator(state: ~seed)
        for _ in 0..<500 { try await caller.callOne(&random) }
        let before = try Self.residentMiB()

        for _ in 0..<6000 { try await caller.callOne(&random) }

        let growth = try Self.residentMiB() - before
        #expect(growth < 48, "grew by \(growth) MiB, seed \(seed)")
        await broker.shutdown()
        #expect(await listening.value > 0, "seed \(seed)")
    }

    private static func residentMiB() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.filter(\.isNumber))) / 1024
    }
}

/// Calls one verb or another.
private struct NonsenseCaller {
    let broker: RedisBroker
    private let queue: QueueName = "q"
    private let process = ProcessID(number: 1)
    private let job: QueuedJob
    private let lease: Lease

    init(broker: RedisBroker) {
        self.broker = broker
        var generator = SystemRandomNumberGenerator()
        let id = JobID(at: .now(), using: &generator)
        job = QueuedJob(
            id: id, priority: .normal, delay: .zero,
            envelope: JobEnvelope(kind: "test", createdAt: id.time, payload: Array("{}".utf8)))
        lease = Lease(id: id, queue: queue, token: LeaseToken(bytes: [UInt8](repeating: 1, count: 17))!)
    }

    /// Only a broker's own error may come out.
    func callOne(_ random: inout NonsenseServer.Generator) async throws {
        let verb = Int.random(in: 0..<18, using: &random)
        do throws(BrokerError) {
            if verb < 9 { try await callForJobs(verb) } else { try await callForTheRest(verb) }
        } catch {
            #expect(!error.message.isEmpty)
        }
    }

    private func callForJobs(_ verb: Int) async throws(BrokerError) {
        switch verb {
        case 0: _ = try await broker.enqueue([job], into: queue)
        case 1, 2:
            let epoch = Epoch(number: 1)
            let reserved = try await broker.reserve(4, from: queue, epoch: epoch, process: process, backwards: false)
            // As the worker reads what it was given.
            for job in reserved.jobs { _ = try? JobEnvelope(decoding: job.envelope) }
        case 3: _ = try await broker.reserveSuspect(from: queue, epoch: Epoch(number: 1), process: process)
        case 4: _ = try await broker.complete([lease, lease], in: queue, announcing: [job.id])
        case 5: _ = try await broker.retry([(lease, .seconds(1)), (lease, .zero)], in: queue)
        case 6: _ = try await broker.release([lease, lease, lease], in: queue)
        case 7: _ = try await broker.quarantine([lease], in: queue)
        default: _ = try await broker.knows([job.id, job.id], in: queue)
        }
    }

    private func callForTheRest(_ verb: Int) async throws(BrokerError) {
        switch verb {
        case 9: _ = try await broker.extend([lease, lease], in: queue, epoch: Epoch(number: 1), by: .seconds(15))
        case 10: _ = try await broker.reclaim(200, in: queue)
        case 11: _ = try await broker.releaseAll(of: process, in: queue)
        case 12: _ = try await broker.promote(100, in: queue)
        case 13: _ = try await broker.status(of: [queue, queue])
        case 14: _ = try await broker.memory()
        case 15: _ = try await broker.workers()
        case 16:
            _ = try await broker.epoch(of: queue)
            _ = try await broker.serverID()
        default: try await broker.waitForWork(in: [queue], timeout: .milliseconds(50))
        }
    }
}
