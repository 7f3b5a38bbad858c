// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import ServiceLifecycle

/// Waits at the start until both stores answer and have what this release needs.
///
/// A store that is away is waited for, with a line of log when it goes and when it comes, so that processes under a
/// supervisor do not end and start again all the time. What only an operator can mend ends the process with a message
/// that says what.
struct StoreGate: Sendable {
    let stores: Stores
    let logger: Logger

    /// - Throws: ``CommandError`` for a store that refuses; `CancellationError`.
    func wait() async throws {
        try await wait(for: "PostgreSQL") { () async throws(CommandError) -> String? in
            let allowed: Int?
            do throws(LedgerError) {
                try await stores.ledger.check()
                allowed = try await stores.connectionsAllowed()
            } catch {
                guard error.isTransient else { throw CommandError(error) }
                // After a week without a worker nobody has made today's partition.
                try? await stores.ledger.maintain()
                return error.message
            }
            try refuseTooFewConnections(allowed)
            return nil
        }
        try await wait(for: "Redis") { () async throws(CommandError) -> String? in
            do throws(BrokerError) {
                try await stores.checkBroker()
                return nil
            } catch {
                guard error.isTransient else { throw CommandError(error) }
                return error.message
            }
        }
    }

    private func refuseTooFewConnections(_ allowed: Int?) throws(CommandError) {
        let wanted = stores.options.databaseConnections
        guard let allowed, allowed < wanted else { return }
        throw CommandError(
            .unavailable,
            "PostgreSQL allows \(allowed) connections, this process may open \(wanted): "
                + "raise max_connections or lower database_connections in workers.yml")
    }

    private func wait(for store: String, whyAway: () async throws(CommandError) -> String?) async throws {
        var delay: Duration = .milliseconds(100)
        var isWaiting = false
        while true {
            guard let reason = try await whyAway() else {
                if isWaiting { logger.info("store answers", metadata: [.part: "\(store)"]) }
                return
            }
            // Whoever ends meanwhile has cancelled the call, of which the store knows nothing.
            try Task.checkCancellation()
            if !isWaiting {
                logger.warning("store is away, waiting for it", metadata: [.part: "\(store)", .error: "\(reason)"])
            }
            isWaiting = true
            try await Task.sleep(for: delay)
            delay = min(delay * 2, .seconds(2))
        }
    }
}

/// Starts a service when both stores are there.
struct GatedService: Service {
    let gate: StoreGate
    let service: any Service

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await gate.wait() }
        } catch is CancellationError {
            return
        }
        try await service.run()
    }
}

/// Ends a process that need not wait for its stores, but is of no use with a store that refuses.
struct StoreCheck: Service {
    let gate: StoreGate

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await gate.wait() }
        } catch is CancellationError {
            return
        }
        try? await gracefulShutdown()
    }
}

extension LedgerError {
    /// Whether waiting may help.
    var isTransient: Bool { [.unavailable, .outcomeUnknown, .overloaded, .cancelled].contains(code) }
}

extension BrokerError {
    /// Whether waiting may help.
    var isTransient: Bool { [.unavailable, .outcomeUnknown, .overloaded, .cancelled, .full].contains(code) }
}
