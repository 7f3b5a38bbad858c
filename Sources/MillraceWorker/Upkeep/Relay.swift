// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Pushes rows that were flagged for it: rows written inside somebody else's transaction, retried by an operator, or due far ahead.
///
/// It pushes first and clears the flag then, so a crash in between only pushes twice, which is a no-op. It clears the flag of the row
/// that it has read: one that was set since stays. No transaction is open
/// while it talks to the broker. Rows that are answered `busy` keep their flag.
actor Relay: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "relay"

    private static let pauseMin: Duration = .milliseconds(50)
    private static let pauseMax: Duration = .milliseconds(250)

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private var pause = Relay.pauseMax

    init(eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
    }

    func once() async throws -> Duration {
        let rows = try await ledger.flagged(limit: Limits.storeBatchMax)
        if !rows.isEmpty { Failpoint.reached(.relayNotPushed) }
        let answers = try await PagedPush(broker: broker, ledger: ledger).push(rows.map(\.id))
        let pushed = answers.filter { $0.verdict != .busy }
        if !pushed.isEmpty {
            Failpoint.reached(.relayPushedNotCleared)
            try await ledger.clearFlags(Dictionary(pushed.map { ($0.id, $0.version) }) { $1 })
            Failpoint.reached(.relayCleared)
        }
        // Adaptive: soon again while there is work, seldom when there is none.
        if pushed.count == Limits.storeBatchMax { return .zero }
        pause = pushed.isEmpty ? min(pause * 2, Self.pauseMax) : Self.pauseMin
        return pause
    }
}
