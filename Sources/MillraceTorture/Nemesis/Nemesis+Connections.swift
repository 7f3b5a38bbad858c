// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Nemesis {
    func torture(connections fault: Fault, _ generator: inout SeededGenerator) async throws {
        let hold = hold(&generator)
        switch fault {
        case .blackHoleRedis: try await blackHole(fault, [proxies.redis], &generator)
        case .blackHolePostgres: try await blackHole(fault, [proxies.postgres], &generator)
        case .blackHoleStores: try await blackHole(fault, [proxies.redis, proxies.postgres], &generator)
        case .delayRedis, .delayPostgres:
            await pass(fault, fault == .delayRedis ? proxies.redis : proxies.postgres, .delay(milliseconds: 100), hold)
        case .holdRedis, .holdPostgres:
            await pass(fault, fault == .holdRedis ? proxies.redis : proxies.postgres, .hold, hold)
        case .sliceRedis, .slicePostgres:
            await pass(fault, fault == .sliceRedis ? proxies.redis : proxies.postgres, .slice, hold)
        default:
            tell(fault)
            cut(fault)
        }
    }

    private func cut(_ fault: Fault) {
        switch fault {
        case .cutRedis: proxies.redis.cut()
        case .cutPostgres: proxies.postgres.cut()
        case .cutAPI: for api in proxies.apis { api.cut() }
        case .cutRedisReplies: proxies.redis.cutReplies(6)
        case .cutPostgresReplies: proxies.postgres.cutReplies(6)
        case .cutAPIReplies: for api in proxies.apis { api.cutReplies(6) }
        case .tearRedis: proxies.redis.tearReplies(6)
        case .tearPostgres: proxies.postgres.tearReplies(6)
        default: break
        }
    }

    private func pass(_ fault: Fault, _ proxy: FaultProxy, _ mode: FaultProxy.Mode, _ hold: Duration) async {
        tell(fault, "for \(hold.text)")
        proxy.set(mode)
        await pause(hold)
        proxy.set(.pass)
    }

    /// Between the API's or the workers' network and these proxies; sometimes for longer than a lease.
    private func blackHole(
        _ fault: Fault, _ proxies: [FaultProxy], _ generator: inout SeededGenerator
    ) async throws {
        guard let network = equipment.network,
            let site = Network.Site.allCases.randomElement(using: &generator),
            let direction = Network.Direction.allCases.randomElement(using: &generator),
            let seconds = [3, 8, 18].randomElement(using: &generator)
        else { return }
        let what = direction == .both ? "requests and replies" : direction.rawValue
        tell(fault, "swallows the \(what) of \(site == .api ? "the API" : "all workers") for \(seconds) s")
        try await network.drop(direction, of: site, to: proxies.map(\.port))
        await pause(.seconds(seconds))
        try await network.pass(site)
    }
}
