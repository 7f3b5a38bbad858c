// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Nemesis {
    func torture(postgres fault: Fault, _ generator: inout SeededGenerator) async throws {
        let hold = hold(&generator)
        switch fault {
        case .crashPostgres:
            tell(fault)
            await stores.crashPostgres()
            try await stores.startPostgres()
        case .restartPostgres:
            tell(fault)
            await stores.endPostgres()
            try await stores.startPostgres()
        case .killBackend:
            // The server ends all sessions and recovers, as after a crash of its own.
            let backends = await stores.backends()
            tell(fault)
            if let backend = backends.sorted().suffix(10).randomElement(using: &generator) { kill(backend, SIGKILL) }
        case .endBackends:
            tell(fault)
            _ = try await stores.rows("SELECT pg_terminate_backend(pid) FROM \(Self.sessions)")
        case .freezePostgres:
            tell(fault, "for \(hold.text)")
            await freeze([stores.postgresPID] + stores.backends(), for: hold)
        case .crowdPostgres:
            // All places are taken, and half of the mill's sessions have to find new ones.
            tell(fault, "for \(hold.text)")
            let sessions = try await stores.rows("SELECT pid FROM \(Self.sessions) AND random() < 0.5")
            let crowd = Crowd(at: stores.postgresPort, count: 200)
            for session in sessions.compactMap({ Int32($0) }) { kill(session, SIGTERM) }
            await pause(hold)
            crowd.leave()
        case .readOnlyPostgres:
            tell(fault, "for \(hold.text)")
            try await stores.setReadOnly(true)
            await pause(hold)
            try await stores.setReadOnly(false)
        case .fillPostgres:
            let hold = self.hold(&generator, 2000...8000)
            tell(fault, "for \(hold.text)")
            try await fill(.postgres, for: hold)
        default:
            // Forward, and never back: what is due at a time is due then.
            let name = Stores.Store.postgres.rawValue
            let step = Int.random(in: 60...1200, using: &generator)
            tell(fault, "by \(step) s, for good")
            try equipment.clocks?.set(name, to: (equipment.clocks?.offset(of: name) ?? 0) + step)
        }
    }

    private static let sessions = "pg_stat_activity WHERE application_name LIKE 'millrace%'"
}

/// Sessions that take the places of others.
private final class Crowd {
    private var sessions: [Int32] = []

    /// - Parameter count: those beyond what the server admits are refused by it.
    init(at port: UInt16, count: Int) {
        let names = "user\0millrace\0database\0postgres\0\0"
        var request = withUnsafeBytes(of: UInt32(8 + names.utf8.count).bigEndian, Array.init)
        request += withUnsafeBytes(of: UInt32(196_608).bigEndian, Array.init)
        request += Array(names.utf8)
        for _ in 0..<count {
            guard let session = FaultProxy.connected(to: port) else { continue }
            _ = send(session, request, request.count, Int32(MSG_NOSIGNAL))
            sessions.append(session)
        }
    }

    func leave() {
        for session in sessions { close(session) }
        sessions = []
    }
}
