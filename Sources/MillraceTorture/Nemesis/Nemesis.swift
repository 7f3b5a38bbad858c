// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Carries out the plan: processes in one lane, stores and connections in another, so that one fault may hit while the mill heals
/// from another; two of one lane never overlap.
actor Nemesis {
    struct Done: Sendable {
        let fault: Fault
        let began: ContinuousClock.Instant
        let ended: ContinuousClock.Instant
        /// The same, in µs since 1970.
        let until: Int
        /// Redis may have lost what it had accepted before.
        let mayHaveTakenData: Bool
    }

    struct Proxies: Sendable {
        let redis: FaultProxy
        let postgres: FaultProxy
        /// One for each API.
        let apis: [FaultProxy]
    }

    let mill: Mill
    let stores: Stores
    let proxies: Proxies
    let equipment: Equipment
    private let throughput: Throughput
    private let chronicle: Chronicle
    private(set) var done: [Done] = []
    private(set) var failures: [String] = []
    /// Whether Redis's file has been cut in the middle of a transaction, maybe: it is read up to there, but the half that is left
    /// in the file is carried out at the next start, when what was appended since has ended it.
    var isRedisDamaged = false
    /// Whether the fault under way has taken Redis's data though it was not meant to.
    var isRedisEmptied = false

    init(
        mill: Mill, stores: Stores, proxies: Proxies, equipment: Equipment, throughput: Throughput,
        _ chronicle: Chronicle
    ) {
        self.mill = mill
        self.stores = stores
        self.proxies = proxies
        self.equipment = equipment
        self.throughput = throughput
        self.chronicle = chronicle
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
        var mayTakeData = planned.fault.mayTakeRedisData || isRedisDamaged && planned.fault == .restartRedis
        var generator = SeededGenerator(seed: planned.seed)
        do {
            if planned.fault.isOfProcesses {
                try await torture(planned.fault, &generator)
            } else {
                try await disturb(planned.fault, &generator)
            }
        } catch {
            noteFailure("\(planned.fault): \(error)")
        }
        let ended = ContinuousClock.now
        if ended - began > .milliseconds(500) { chronicle.note("\(planned.fault) over, \((ended - began).text) long") }
        if isRedisEmptied { mayTakeData = true }
        isRedisEmptied = false
        done.append(
            Done(
                fault: planned.fault, began: began, ended: ended, until: wallMicroseconds(),
                mayHaveTakenData: mayTakeData))
        await throughput.expectRecovery(from: planned.fault)
    }

    /// Says what is being done, to whom.
    func tell(_ fault: Fault, _ facts: String = "") {
        chronicle.note("\(fault)\(facts.isEmpty ? "" : " \(facts)")")
    }

    func noteFailure(_ failure: String) {
        failures.append(failure)
        chronicle.note("the nemesis failed: \(failure)")
    }

    private func disturb(_ fault: Fault, _ generator: inout SeededGenerator) async throws {
        switch fault {
        case .flushRedis, .deleteRedis, .killRedis, .restartRedis, .rewindRedis, .cutRedisTail, .freezeRedis,
            .pauseRedis, .busyRedis, .flushScripts, .cutRedisClients, .lockOutRedis, .fillRedis, .stepRedisClock:
            try await torture(redis: fault, &generator)
        case .crashPostgres, .restartPostgres, .killBackend, .endBackends, .freezePostgres, .crowdPostgres,
            .readOnlyPostgres, .fillPostgres, .stepPostgresClock:
            try await torture(postgres: fault, &generator)
        default: try await torture(connections: fault, &generator)
        }
    }

    /// Most faults that last are over before anybody's patience is.
    func hold(_ generator: inout SeededGenerator, _ range: ClosedRange<Int> = 300...3000) -> Duration {
        .milliseconds(Int.random(in: range, using: &generator))
    }

    func freeze(_ processes: [Int32], for hold: Duration) async {
        for process in processes where process > 1 { kill(process, SIGSTOP) }
        await pause(hold)
        for process in processes where process > 1 { kill(process, SIGCONT) }
    }
}
