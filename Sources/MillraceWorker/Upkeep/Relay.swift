// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Pushes rows that were flagged for it: rows written inside somebody else's transaction, retried by an operator, due far ahead,
/// or accepted while the broker had no room.
///
/// It pushes first and clears the flag then, so a crash in between only pushes twice, which is a no-op. It clears the flag of the row
/// that it has read: one that was set since stays. No transaction is open
/// while it talks to the broker. Rows that are answered `busy` keep their flag.
///
/// While the broker is above its mark, rows go in the order of `FeedOrder`, as room appears.
///
/// Change together: `FeedOrder`, `RoomEstimate`, `list-flagged.sql`.
actor Relay: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "relay"

    private static let pauseMin: Duration = .milliseconds(50)
    private static let pauseMax: Duration = .milliseconds(250)

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let room: RoomWatch
    private var pause = Relay.pauseMax
    private var rounds = 0

    init(eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger, room: RoomWatch) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
        self.room = room
    }

    func once() async throws -> Duration {
        rounds += 1
        await room.refresh()
        let rows = try await ledger.flagged(limit: Limits.storeBatchMax)
        if !rows.isEmpty { Failpoint.reached(.relayNotPushed) }
        let answers = try await push(rows)
        let pushed = answers.filter { $0.verdict != .busy }
        if !pushed.isEmpty {
            Failpoint.reached(.relayPushedNotCleared)
            try await ledger.clearFlags(Dictionary(pushed.map { ($0.id, $0.version) }) { $1 })
            Failpoint.reached(.relayCleared)
        }
        return pause(after: pushed)
    }

    private func push(_ rows: [UnfinishedJob]) async throws -> [PagedPush.Pushed] {
        let push = PagedPush(broker: broker, ledger: ledger, room: room)
        if room.isOpen { return try await push.push(rows.map(\.id)).pushed }
        let queues = Set(rows.map(\.queue)).sorted()
        let statuses = queues.isEmpty ? [] : try await broker.status(of: queues)
        let order = FeedOrder(
            rows, statuses, urgentShare: room.urgentShare, isBackwards: rounds.isMultiple(of: FeedOrder.backwardsEvery))
        let usual = try await push.push(order.ids)
        let held = Set(usual.held)
        let urgent = try await push.push(order.ids.prefix(order.urgentCount).filter(held.contains), as: .urgent)
        return usual.pushed + urgent.pushed
    }

    /// Adaptive: at once again while there is much work, soon while there is some, seldom when there is none. A round that found
    /// mostly what another relay had pushed already lets that one go ahead.
    private func pause(after pushed: [PagedPush.Pushed]) -> Duration {
        let enqueued = pushed.count { $0.verdict == .enqueued }
        if enqueued > Limits.storeBatchMax / 2 { return .zero }
        if pushed.count > Limits.storeBatchMax / 2 {
            return .milliseconds(Int64.random(in: 0...Self.pauseMax.milliseconds))
        }
        pause = pushed.isEmpty ? min(pause * 2, Self.pauseMax) : Self.pauseMin
        return pause
    }
}
