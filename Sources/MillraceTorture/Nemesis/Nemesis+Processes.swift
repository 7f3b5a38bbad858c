// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Nemesis {
    func torture(_ fault: Fault, _ generator: inout SeededGenerator) async throws {
        let number = Int.random(in: 0..<1000, using: &generator)
        if fault == .scalePool {
            let count = 1 + number % Mill.supervisedMax
            tell(fault, "to \(count)")
            try await mill.scale(to: count)
            return
        }
        let roles = await mill.running { fault.hits($0) }
        guard !roles.isEmpty else { return tell(fault, "finds nobody") }
        let role = roles[number % roles.count]
        switch fault {
        case .endWorker, .endSupervisor:
            tell(fault, role.name)
            await mill.end(role, by: SIGTERM)
        case .freezeWorker, .freezeAPI:
            // Some for longer than a lease: then they are zombies.
            let seconds = fault == .freezeAPI ? 2 : [2, 17, 25].randomElement(using: &generator) ?? 2
            await freeze([role], seconds: seconds, fault)
        case .freezeHalf:
            // Two leases: others have taken over all that they ran.
            await freeze(Array(roles.prefix((roles.count + 1) / 2)), seconds: 30, fault)
        case .killSupervisor:
            tell(fault, role.name)
            await mill.killSupervisor()
        case .killChild:
            tell(fault, await mill.killSupervised(number) ? "of \(role.name)" : "finds nobody")
        case .stepProcessClock:
            // An id may be five minutes ahead of the ledger's clock.
            let seconds = Int.random(in: -240...240, using: &generator)
            tell(fault, "of \(role.name) to \(seconds) s from the machine's, for good")
            try equipment.clocks?.set(role.name, to: seconds)
        default:
            tell(fault, role.name)
            await mill.end(role, by: SIGKILL)
        }
    }

    private func freeze(_ roles: [Mill.Role], seconds: Int, _ fault: Fault) async {
        tell(fault, "\(roles.map(\.name).joined(separator: ", ")) for \(seconds) s")
        for role in roles { await mill.freeze(role) }
        await pause(.seconds(seconds))
        for role in roles { await mill.thaw(role) }
    }
}

extension Fault {
    fileprivate func hits(_ role: Mill.Role) -> Bool {
        switch (self, role) {
        case (.killWorker, .worker), (.endWorker, .worker), (.freezeWorker, .worker), (.freezeHalf, .worker): true
        case (.killAPI, .api), (.freezeAPI, .api), (.killProducer, .producer): true
        case (.killSupervisor, .supervisor), (.endSupervisor, .supervisor), (.killChild, .supervisor): true
        case (.stepProcessClock, _): role.site != nil
        default: false
        }
    }
}
