// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Carries out the plan: processes in one lane, stores and connections in another, so that one fault may hit while the mill heals
/// from another; two of one lane never overlap.
actor Nemesis {
    struct Done: Sendable {
        let fault: Fault
        let began: ContinuousClock.Instant
        let ended: ContinuousClock.Instant
    }

    private let mill: Mill
    private let stores: Stores
    private let proxies: Proxies
    private(set) var done: [Done] = []
    private(set) var failures: [String] = []
    /// Whether Redis's file has been cut in the middle of a transaction, maybe: it is read up to there, but the half that is left
    /// in the file is carried out at the next start, when what was appended since has ended it.
    private(set) var isRedisDamaged = false

    struct Proxies: Sendable {
        let redis: FaultProxy
        let postgres: FaultProxy
        let api: FaultProxy
    }

    init(mill: Mill, stores: Stores, proxies: Proxies) {
        self.mill = mill
        self.stores = stores
        self.proxies = proxies
    }

    func run(_ plan: [PlannedFault]) async {
        let start = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            for isOfProcesses in [true, false] {
                let lane = plan.filter { $0.fault.isOfProcesses == isOfProcesses }
                group.addTask {
                    for planned in lane {
                        await pause(start + planned.due - .now)
                        await self.carryOut(planned)
                    }
                }
            }
        }
    }

    private func carryOut(_ planned: PlannedFault) async {
        let began = ContinuousClock.now
        var generator = SeededGenerator(seed: planned.seed)
        do {
            if planned.fault.isOfProcesses {
                await torture(planned.fault, &generator)
            } else {
                try await disturb(planned.fault, &generator)
            }
        } catch {
            failures.append("\(planned.fault): \(error)")
        }
        done.append(Done(fault: planned.fault, began: began, ended: .now))
    }

    private func torture(_ fault: Fault, _ generator: inout SeededGenerator) async {
        let number = Int.random(in: 0..<1000, using: &generator)
        let role = await mill.pick({ fault.hits($0) }, number)
        guard let role else { return }
        switch fault {
        case .endWorker: await mill.end(role, by: SIGTERM)
        case .freezeWorker, .freezeAPI:
            // Some for longer than a lease: then they are zombies.
            let seconds = fault == .freezeAPI ? 2 : [2, 17, 25].randomElement(using: &generator) ?? 2
            await mill.freeze(role)
            await pause(.seconds(seconds))
            await mill.thaw(role)
        default: await mill.end(role, by: SIGKILL)
        }
    }

    private func disturb(_ fault: Fault, _ generator: inout SeededGenerator) async throws {
        let hold = Duration.milliseconds(Int.random(in: 300...3000, using: &generator))
        switch fault {
        case .flushRedis: _ = try await stores.redis("FLUSHALL")
        case .deleteRedis:
            try await restartRedis { try await stores.deleteRedisData() }
            isRedisDamaged = false
        case .killRedis: try await restartRedis {}
        case .rewindRedis:
            try await stores.copyRedis()
            await pause(hold)
            // The copy was taken while the file was written.
            isRedisDamaged = true
            try await restartRedis { try await stores.rewindRedis() }
        case .cutRedisTail:
            let bytes = Int.random(in: 100...65_536, using: &generator)
            isRedisDamaged = true
            try await restartRedis { try await stores.cutRedisTail(bytes: bytes) }
        case .freezeRedis: await freeze([stores.redisPID], for: hold)
        case .pauseRedis:
            _ = try await stores.redis("CLIENT", "PAUSE", "2000", "ALL", within: 10)
            await pause(.seconds(2))
        case .crashPostgres:
            await stores.crashPostgres()
            try await stores.startPostgres()
        case .restartPostgres:
            await stores.endPostgres()
            try await stores.startPostgres()
        case .killBackend:
            // The server ends all sessions and recovers, as after a crash of its own.
            let backends = await stores.backends()
            if let backend = backends.sorted().suffix(10).randomElement(using: &generator) { kill(backend, SIGKILL) }
        case .endBackends:
            _ = try await stores.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'")
        case .freezePostgres: await freeze([stores.postgresPID] + stores.backends(), for: hold)
        default: await connections(fault, for: hold)
        }
    }

    private func connections(_ fault: Fault, for hold: Duration) async {
        switch fault {
        case .cutRedis: proxies.redis.cut()
        case .cutPostgres: proxies.postgres.cut()
        case .cutAPI: proxies.api.cut()
        case .cutRedisReplies: proxies.redis.cutReplies(6)
        case .cutPostgresReplies: proxies.postgres.cutReplies(6)
        case .cutAPIReplies: proxies.api.cutReplies(6)
        case .delayRedis: await pass(proxies.redis, as: .delay(milliseconds: 100), for: hold)
        case .delayPostgres: await pass(proxies.postgres, as: .delay(milliseconds: 100), for: hold)
        case .holdRedis: await pass(proxies.redis, as: .hold, for: hold)
        case .holdPostgres: await pass(proxies.postgres, as: .hold, for: hold)
        default: break
        }
    }

    private func pass(_ proxy: FaultProxy, as mode: FaultProxy.Mode, for hold: Duration) async {
        proxy.set(mode)
        await pause(hold)
        proxy.set(.pass)
    }

    private func freeze(_ processes: [Int32], for hold: Duration) async {
        for process in processes where process > 1 { kill(process, SIGSTOP) }
        await pause(hold)
        for process in processes where process > 1 { kill(process, SIGCONT) }
    }

    /// What cannot be read any more is taken away: that is a wipe.
    private func restartRedis(_ change: () async throws -> Void) async throws {
        await stores.killRedis()
        do {
            try await change()
            try await stores.startRedis()
        } catch {
            failures.append("Redis did not start, its data are taken away: \(error)")
            try await stores.deleteRedisData()
            try await stores.startRedis()
        }
    }
}

extension Fault {
    fileprivate func hits(_ role: Mill.Role) -> Bool {
        switch (self, role) {
        case (.killWorker, .worker), (.endWorker, .worker), (.freezeWorker, .worker): true
        case (.killAPI, .api), (.freezeAPI, .api), (.killProducer, .producer): true
        default: false
        }
    }
}
