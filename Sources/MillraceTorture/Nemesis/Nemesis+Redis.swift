// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Nemesis {
    func torture(redis fault: Fault, _ generator: inout SeededGenerator) async throws {
        let hold = hold(&generator)
        switch fault {
        case .flushRedis:
            tell(fault)
            _ = try await stores.redis("FLUSHALL")
        case .freezeRedis:
            tell(fault, "for \(hold.text)")
            await freeze([stores.redisPID], for: hold)
        case .pauseRedis:
            tell(fault, "for 2.0 s")
            _ = try await stores.redis("CLIENT", "PAUSE", "2000", "ALL", within: 10)
            await pause(.seconds(2))
        case .busyRedis: try await occupyRedis(for: hold)
        case .flushScripts:
            tell(fault)
            _ = try await stores.redis("SCRIPT", "FLUSH")
        case .cutRedisClients:
            tell(fault)
            _ = try await stores.redis("CLIENT", "KILL", "TYPE", "normal")
            _ = try await stores.redis("CLIENT", "KILL", "TYPE", "pubsub")
        case .lockOutRedis: try await lockOut(for: hold)
        case .fillRedis:
            let hold = self.hold(&generator, 2000...8000)
            tell(fault, "for \(hold.text)")
            try await fill(.redis, for: hold)
        case .stepRedisClock:
            let step = Int.random(in: 60...150, using: &generator) * (Bool.random(using: &generator) ? 1 : -1)
            tell(fault, "by \(step) s, for \(hold.text)")
            try equipment.clocks?.set(Stores.Store.redis.rawValue, to: step)
            await pause(hold)
            try equipment.clocks?.set(Stores.Store.redis.rawValue, to: 0)
        default: try await restart(fault, hold, &generator)
        }
    }

    /// Those for which Redis has to be down.
    private func restart(_ fault: Fault, _ hold: Duration, _ generator: inout SeededGenerator) async throws {
        switch fault {
        case .restartRedis:
            tell(fault)
            await stores.endRedis()
            try await stores.startRedis()
        case .deleteRedis:
            tell(fault)
            try await restartRedis { try await stores.deleteRedisData() }
            isRedisDamaged = false
        case .rewindRedis:
            tell(fault, "by \(hold.text)")
            try await stores.copyRedis()
            await pause(hold)
            // The copy was taken while the file was written.
            isRedisDamaged = true
            try await restartRedis { try await stores.rewindRedis() }
        case .cutRedisTail:
            let bytes = Int.random(in: 100...65_536, using: &generator)
            tell(fault, "by \(bytes) bytes")
            isRedisDamaged = true
            try await restartRedis { try await stores.cutRedisTail(bytes: bytes) }
        default:
            tell(fault)
            try await restartRedis {}
        }
    }

    /// What cannot be read any more is taken away: that is a wipe.
    private func restartRedis(_ change: () async throws -> Void) async throws {
        await stores.killRedis()
        do {
            try await change()
            try await stores.startRedis()
        } catch {
            noteFailure("Redis did not start, its data are taken away: \(error)")
            isRedisEmptied = true
            try await stores.deleteRedisData()
            try await stores.startRedis()
        }
    }

    /// A script that does not end; after a moment all others are told BUSY.
    private func occupyRedis(for hold: Duration) async throws {
        tell(.busyRedis, "for \(hold.text)")
        _ = try await stores.redis("CONFIG", "SET", "lua-time-limit", "200")
        // Its end is an error.
        async let script = try? stores.redis("EVAL", "while true do end", "0")
        await pause(hold)
        let isKilled = await eventually(within: .seconds(20)) {
            (try? await stores.redis("SCRIPT", "KILL"))?.hasPrefix("OK") == true
        }
        _ = await script
        if !isKilled { noteFailure("the script was not killed") }
    }

    /// Another password, which nobody in the mill knows, until the old state is back.
    private func lockOut(for hold: Duration) async throws {
        tell(.lockOutRedis, "for \(hold.text)")
        _ = try await stores.redis("CONFIG", "SET", "requirepass", "another")
        _ = try await stores.redis("-a", "another", "CLIENT", "KILL", "TYPE", "normal")
        await pause(hold)
        _ = try await stores.redis("-a", "another", "CONFIG", "SET", "requirepass", "")
    }

    func fill(_ store: Stores.Store, for hold: Duration) async throws {
        try await stores.fillDisk(of: store)
        await pause(hold)
        try await stores.emptyDisk(of: store)
        // One that gave up is started again, as an operator would, who has made room.
        guard !(await eventually(within: .seconds(1), { !stores.isRunning(store) })) else {
            return try await store == .redis ? stores.startRedis() : stores.startPostgres()
        }
    }
}
