// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Stores that stop for a while under steady load.
@Suite("Outages", .serialized) struct OutageTests {
    enum Fault: CaseIterable, CustomStringConvertible {
        case redisFrozen, postgresFrozen, bothFrozen, redisKilled, postgresKilled

        var description: String {
            switch self {
            case .redisFrozen: "Redis frozen"
            case .postgresFrozen: "PostgreSQL frozen"
            case .bothFrozen: "both frozen"
            case .redisKilled: "Redis killed"
            case .postgresKilled: "PostgreSQL killed"
            }
        }

        /// Longer than a lease, where leases are what is at stake.
        var seconds: Int { self == .redisFrozen ? 20 : 8 }
    }

    /// Set to 60 for the full run, which takes seven minutes and wants the machine for itself.
    private static let secondsAtLeast = ProcessInfo.processInfo.environment["MILLRACE_OUTAGE_SECONDS"].flatMap {
        Int($0)
    }
    private static let ratePerSecond = secondsAtLeast == nil ? 100 : 500

    @Test(.timeLimit(.minutes(10)), arguments: Fault.allCases)
    func `no process exits, nothing runs twice, and answers come within a second`(fault: Fault) async throws {
        try await Mill.with { mill in
            let api = try await mill.startAPI()
            let workers = [try mill.startWorker(concurrency: 16), try mill.startWorker(concurrency: 16)]
            let load = SteadyLoad(on: mill, ratePerSecond: Self.ratePerSecond)
            let submitting = Task { await load.run() }
            _ = await eventually(within: .seconds(30)) { await load.accepted.count >= 200 }

            try await begin(fault, mill)
            await pause(for: .seconds(Self.secondsAtLeast ?? fault.seconds))
            try await end(fault, mill)
            let returned = ContinuousClock.now
            let isAtFullRate = try await eventually(within: .seconds(15)) {
                let before = try await mill.count("finished_at IS NOT NULL")
                await pause(for: .seconds(1))
                return try await mill.count("finished_at IS NOT NULL") - before >= Self.ratePerSecond * 9 / 10
            }
            #expect(isAtFullRate, "not at full rate \(ContinuousClock.now - returned) after the return")
            submitting.cancel()
            await submitting.value

            #expect(api.isRunning)
            #expect(workers.count { $0.isRunning } == workers.count)
            #expect(try await mill.expectAllEnded(within: .seconds(60)))
            let answers = await load.answers
            #expect(
                Set(answers.map(\.status)).isSubset(of: [202, 503]),
                "\(Set(answers.map { $0.failure ?? "\($0.status)" }))")
            let slow = answers.sorted { $0.seconds < $1.seconds }.suffix(3)
            #expect(
                slow.allSatisfy { $0.seconds < 1.5 },
                "slowest answers: \(slow.map { "\($0.status) after \($0.seconds) s, sent \($0.sentAt - returned) after the return" })"
            )
            #expect(try await mill.count("state <> 'completed'") == 0)
            #expect(try await mill.count("attempt > 1") == 0)
            let accepted = await load.accepted
            let known = Set(try await mill.stores.rows("SELECT id FROM millrace.jobs"))
            #expect(Set(accepted).isSubset(of: known))
        }
    }

    private func begin(_ fault: Fault, _ mill: Mill) async throws {
        switch fault {
        case .redisFrozen: kill(mill.stores.redisPID, SIGSTOP)
        case .postgresFrozen: await mill.stores.signalPostgres(SIGSTOP)
        case .bothFrozen:
            kill(mill.stores.redisPID, SIGSTOP)
            await mill.stores.signalPostgres(SIGSTOP)
        case .redisKilled: try await mill.stores.killRedis()
        case .postgresKilled: try await mill.stores.killPostgres()
        }
    }

    private func end(_ fault: Fault, _ mill: Mill) async throws {
        switch fault {
        case .redisFrozen: kill(mill.stores.redisPID, SIGCONT)
        case .postgresFrozen: await mill.stores.signalPostgres(SIGCONT)
        case .bothFrozen:
            kill(mill.stores.redisPID, SIGCONT)
            await mill.stores.signalPostgres(SIGCONT)
        case .redisKilled: try await mill.stores.startRedis()
        case .postgresKilled: try await mill.stores.startPostgres()
        }
    }
}
