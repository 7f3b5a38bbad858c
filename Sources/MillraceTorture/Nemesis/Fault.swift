// SPDX-License-Identifier: Apache-2.0

/// What the nemesis does.
enum Fault: String, CaseIterable, Sendable {
    // Processes.
    case killWorker, killAPI, killProducer, endWorker, freezeWorker, freezeAPI, freezeHalf, stepProcessClock
    // A supervisor and its children.
    case killSupervisor, endSupervisor, killChild, scalePool
    // Redis.
    case flushRedis, deleteRedis, killRedis, restartRedis, rewindRedis, cutRedisTail, freezeRedis, pauseRedis, busyRedis
    case flushScripts, cutRedisClients, lockOutRedis, fillRedis, stepRedisClock
    // PostgreSQL.
    case crashPostgres, restartPostgres, killBackend, endBackends, freezePostgres, crowdPostgres, readOnlyPostgres
    case fillPostgres, stepPostgresClock
    // Connections.
    case cutRedis, cutPostgres, cutAPI, cutRedisReplies, cutPostgresReplies, cutAPIReplies, tearRedis, tearPostgres
    case delayRedis, delayPostgres, holdRedis, holdPostgres, sliceRedis, slicePostgres
    // Networks.
    case blackHoleRedis, blackHolePostgres, blackHoleStores

    static let kills: [Fault] = [.killWorker, .killWorker, .killWorker, .killWorker, .killAPI, .killProducer]
    static let killsOfSupervised: [Fault] = [.killChild, .killChild, .killSupervisor]
    static let wipes: [Fault] = [.flushRedis, .deleteRedis]

    /// Those of a short run, which take a few seconds at most and nothing but processes and stores of one's own.
    static let usual: [Fault] = [
        .cutPostgresReplies, .crashPostgres, .cutRedisReplies, .rewindRedis, .cutAPIReplies, .freezeWorker,
        .killBackend, .cutRedisTail, .cutRedis, .endWorker, .holdPostgres, .pauseRedis, .cutPostgres, .killRedis,
        .endBackends, .delayRedis, .freezeAPI, .cutAPI, .restartPostgres, .holdRedis, .freezePostgres, .delayPostgres,
        .freezeRedis,
    ]

    /// All others, which a thorough run has besides.
    static let unusual: [Fault] = [
        .blackHoleRedis, .fillPostgres, .stepRedisClock, .tearPostgres, .scalePool, .lockOutRedis, .blackHolePostgres,
        .stepProcessClock, .crowdPostgres, .sliceRedis, .restartRedis, .fillRedis, .endSupervisor, .busyRedis,
        .readOnlyPostgres, .blackHoleStores, .cutRedisClients, .freezeHalf, .stepPostgresClock, .tearRedis,
        .flushScripts, .slicePostgres,
    ]

    /// Processes are tortured while the rest is.
    var isOfProcesses: Bool {
        switch self {
        case .killWorker, .killAPI, .killProducer, .endWorker, .freezeWorker, .freezeAPI, .freezeHalf,
            .stepProcessClock, .killSupervisor, .endSupervisor, .killChild, .scalePool:
            true
        default: false
        }
    }

    /// There has to be a supervisor.
    var isOfSupervisor: Bool {
        switch self {
        case .killSupervisor, .endSupervisor, .killChild, .scalePool: true
        default: false
        }
    }

    /// What it needs of the machine, besides processes.
    var means: Means? {
        switch self {
        case .blackHoleRedis, .blackHolePostgres, .blackHoleStores: .network
        case .fillRedis, .fillPostgres: .smallDisks
        case .stepRedisClock, .stepPostgresClock, .stepProcessClock: .clocks
        default: nil
        }
    }

    /// Whether Redis may lose what it had accepted. It writes its file before it answers, but for the seconds in which the disk is
    /// slow or full.
    var mayTakeRedisData: Bool {
        switch self {
        case .flushRedis, .deleteRedis, .killRedis, .rewindRedis, .cutRedisTail, .fillRedis: true
        default: false
        }
    }

    /// Whether a job that was running may run again because of it: its lease was lost or given up, or its claim is in doubt.
    var mayRepeatRuns: Bool {
        switch self {
        case .killProducer, .cutAPI, .cutAPIReplies, .killAPI, .freezeAPI, .delayPostgres, .delayRedis, .flushScripts:
            false
        default: true
        }
    }
}

/// A fault and when it is due.
struct PlannedFault: Sendable {
    let fault: Fault
    let due: Duration
    /// Draws what else is random about it.
    let seed: UInt64
}

extension PlannedFault {
    /// Kills evenly over the time; the others, one after the other, in an order that the seed shuffles.
    static func plan(_ settings: TortureSettings) -> [PlannedFault] {
        var generator = SeededGenerator(seed: settings.seed ^ 0x6E65_6D65_7369_73)
        var processes: [Fault] = []
        var rest: [Fault] = []
        for (fault, count) in settings.only {
            for _ in 0..<count { if fault.isOfProcesses { processes.append(fault) } else { rest.append(fault) } }
        }
        if settings.only.isEmpty {
            let kills = Fault.kills + (settings.isThorough ? Fault.killsOfSupervised : [])
            let others = Fault.usual + (settings.isThorough ? Fault.unusual : [])
            processes = (0..<settings.kills).map { _ in kills.randomElement(using: &generator) ?? .killWorker }
            rest = (0..<settings.wipes).map { Fault.wipes[$0 % Fault.wipes.count] }
            let offset = Int.random(in: 0..<others.count, using: &generator)
            for number in 0..<settings.faults {
                let fault = others[(offset + number) % others.count]
                if fault.isOfProcesses { processes.append(fault) } else { rest.append(fault) }
            }
        }
        processes.shuffle(using: &generator)
        rest.shuffle(using: &generator)
        return spread(processes, settings, &generator) + spread(rest, settings, &generator)
    }

    private static func spread(
        _ faults: [Fault], _ settings: TortureSettings, _ generator: inout SeededGenerator
    ) -> [PlannedFault] {
        faults.enumerated().map { index, fault in
            // The first comes when there is something to disturb.
            let part = (Double(index) + Double.random(in: 0.2..<0.8, using: &generator)) / Double(faults.count)
            return PlannedFault(
                fault: fault, due: .seconds(2) + .seconds(Double(settings.seconds) * part), seed: generator.next())
        }
    }
}
