// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Compares the ledger's unfinished rows with what the broker knows, and pushes what it does not know.
///
/// This is what makes every push a mere hint. Rows of the last ten minutes are looked at every 5 s, all others within ten minutes,
/// at a bounded rate; where there are more, a pass goes on where the last one ended. A row that is running is pushed only when
/// it was unknown in two passes at least a lease apart under one token: a live holder that reaches the broker has declared it
/// again by then.
///
/// What the broker has no room for is flagged, and from then on it is the relay's.
///
/// Reading and pushing are two steps, and the job may end in between; the stale copy dies at its claim.
actor Sweeper: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "sweeper"

    private static let pagesMax = 20
    /// Well within the time for which doubts are kept.
    private static let pauseMax: Duration = .seconds(30)
    private static let doubtedMax = 10_000

    /// Which rows one sweeper looks at, and how often.
    struct Window: Sendable {
        var age: Range<Duration>
        var pause: Duration

        init(age: Range<Duration>, pause: Duration) {
            self.age = age
            self.pause = pause
        }

        /// Rows whose own push has failed a moment ago, as a rule.
        static func recent(after age: Duration) -> Window {
            Window(age: age..<max(.seconds(600), age * 2), pause: .seconds(5))
        }

        /// All others; a pass every minute.
        static let old = Window(age: .seconds(600)..<(Limits.scheduleAheadMax * 2), pause: .seconds(60))
    }

    private struct Doubt {
        let token: LeaseToken?
        let since: ContinuousClock.Instant
    }

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let room: RoomWatch
    private let window: Window
    private let logger: Logger
    private var position: UnfinishedJob?
    private var doubted: [JobID: Doubt] = [:]

    init(
        eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger, room: RoomWatch, window: Window,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
        self.room = room
        self.window = window
        self.logger = logger
    }

    func once() async throws -> Duration {
        if Safeguard.sweep.isOff { return window.pause }
        let start = ContinuousClock.now
        var (pushed, flagged) = (0, 0)
        for _ in 0..<Self.pagesMax {
            let page = try await ledger.unfinished(
                age: window.age, in: nil, after: position, limit: Limits.storeBatchMax)
            for (queue, rows) in Dictionary(grouping: page, by: \.queue) {
                let done = try await push(rows, unknownTo: queue)
                pushed += done.pushed
                flagged += done.flagged
            }
            position = page.last
            guard page.count == Limits.storeBatchMax else {
                position = nil
                break
            }
        }
        forgetOldDoubts()
        if pushed > 0 { logger.info("jobs unknown to the broker pushed again", metadata: [.count: "\(pushed)"]) }
        if flagged > 0 {
            logger.info(
                "jobs unknown to the broker, which has no room, wait for the relay", metadata: [.count: "\(flagged)"])
        }
        // Where much is to be looked at it must not be all that the ledger does.
        return max(window.pause, min((ContinuousClock.now - start) * 10, Self.pauseMax))
    }

    private func push(
        _ rows: [UnfinishedJob], unknownTo queue: QueueName
    ) async throws -> (pushed: Int, flagged: Int) {
        // A queue without its epoch is being rebuilt, and live workers may not have declared what they run.
        guard let epoch = try await broker.epoch(of: queue), epoch != .rebuilding else { return (0, 0) }
        let knows = try await broker.knows(rows.map(\.id), in: queue)
        let unknown = zip(rows, knows).filter { !$0.1 && mayPush($0.0) }.map(\.0)
        guard !unknown.isEmpty else { return (0, 0) }
        Failpoint.reached(.sweepNotPushed)
        let done = try await PagedPush(broker: broker, ledger: ledger, room: room).pushOrFlag(unknown)
        Failpoint.reached(.sweepPushed)
        return done
    }

    private func mayPush(_ row: UnfinishedJob) -> Bool {
        guard row.isRunning else { return true }
        let now = ContinuousClock.now
        if let doubt = doubted[row.id], doubt.token == row.lastToken {
            return now - doubt.since >= Limits.lease
        }
        if doubted.count < Self.doubtedMax { doubted[row.id] = Doubt(token: row.lastToken, since: now) }
        return false
    }

    /// Doubts that no pass confirmed: those jobs went on or ended.
    private func forgetOldDoubts() {
        let now = ContinuousClock.now
        doubted = doubted.filter { now - $0.value.since < max(Limits.lease * 4, window.pause * 3) }
    }
}
