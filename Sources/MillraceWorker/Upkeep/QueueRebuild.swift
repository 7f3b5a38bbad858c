// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// Makes the broker's copy of a queue what the ledger says, under a lock of the ledger.
///
/// 1. raise the epoch in the ledger, and make the broker's one nobody's, with the settings copied;
/// 2. wait two extend periods, in which live workers declare again what they run; much shorter when nothing runs. The ledger
///    is told when the wait begins: when this process dies, the next one waits only for what is left of it;
/// 3. push all unfinished rows, which is a no-op for those that are known by then; those that the broker has no room for
///    are flagged for the relay;
/// 4. write the new epoch, last: a crash on the way leaves it missing, and another process starts over, but for the wait.
///
/// Change together: `QueueEpochs`, `RebuildCommand`.
package struct QueueRebuild: Sendable {
    /// What a rebuild did.
    package struct Rebuilt: Sendable, Equatable {
        package let epoch: Epoch
        /// Jobs that the broker did not know.
        package let pushed: Int
        /// Jobs that it has no room for, which wait for the relay.
        package let flagged: Int
        package let elapsed: Duration
    }

    /// Processes look at the server twice a second, and reconnect within a second.
    private static let noticeMax: Duration = .seconds(2)
    private static let runningPagesMax = 20

    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let room: RoomWatch
    private let extendInterval: Duration
    private let sleep: @Sendable (Duration) async -> Void

    /// - Parameters:
    ///   - extendInterval: how often workers extend their leases.
    ///   - sleep: returns early when it is cancelled.
    package init(
        broker: any JobBroker, ledger: any JobLedger, room: RoomWatch, extendInterval: Duration,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.broker = broker
        self.ledger = ledger
        self.room = room
        self.extendInterval = extendInterval
        self.sleep = sleep
    }

    /// nil when the lock was lost on the way, another server answers, or this one has lost its data again: whoever sees the epoch
    /// missing starts over.
    package func run(
        _ queue: QueueName, serverID: String, lock: any RebuildLock
    ) async throws -> Rebuilt? {
        let start = ContinuousClock.now
        Failpoint.reached(.rebuildNotRaised)
        // Nobody makes it so but a rebuild: while it is, nothing is reserved, and whoever extends a lease that is gone declares it.
        let goesOn = try await broker.epoch(of: queue) == .rebuilding
        let raised = try await ledger.raiseEpoch(of: queue, serverID: serverID, goesOn: goesOn)
        Failpoint.reached(.epochRaisedNotCopied)
        if raised.waited == nil {
            try await broker.configure(queue, isPaused: isPaused(queue), epoch: .rebuilding)
            try await ledger.beginWait(of: queue, epoch: raised.epoch)
        }
        try await awaitDeclarations(of: queue, waited: max(.zero, raised.waited ?? .zero))
        // What had been declared before it lost its data once more would be pushed.
        guard try await broker.epoch(of: queue) == .rebuilding else { return nil }
        Failpoint.reached(.epochCopiedNotPushed)
        let push = PagedPush(broker: broker, ledger: ledger, room: room)
        var (pushed, flagged) = (0, 0)
        var after: UnfinishedJob?
        repeat {
            try Task.checkCancellation()
            guard await lock.isHeld() else { return nil }
            let page = try await unfinished(in: queue, after: after)
            after = page.last
            guard !page.isEmpty else { break }
            let knows = try await broker.knows(page.map(\.id), in: queue)
            let done = try await push.pushOrFlag(zip(page, knows).filter { !$0.1 }.map(\.0))
            pushed += done.pushed
            flagged += done.flagged
        } while after != nil
        guard try await broker.serverID() == serverID, await lock.isHeld() else { return nil }
        Failpoint.reached(.rebuildPushedNotFinished)
        try await broker.configure(queue, isPaused: isPaused(queue), epoch: raised.epoch)
        Failpoint.reached(.rebuildFinished)
        return Rebuilt(epoch: raised.epoch, pushed: pushed, flagged: flagged, elapsed: ContinuousClock.now - start)
    }

    /// Waits until live workers have declared again what they hold, which they do at an extension, or as soon as they
    /// notice the new server.
    ///
    /// Where nothing of the queue runs, only leases that were reserved and not claimed yet could be missed. Nothing is
    /// reserved any more, and their holders notice the server, or their claims arrive, well within the shorter wait: it
    /// is the longer one after all when something runs by then. One that does both later still has its claim refused
    /// when the job was claimed anew, or loses its lease at the next extension.
    ///
    /// - Parameter waited: so long the epoch has been nobody's already.
    private func awaitDeclarations(of queue: QueueName, waited: Duration) async throws {
        let all = max(.zero, extendInterval * 2 - waited)
        let short = min(max(.zero, Self.noticeMax - waited), all)
        guard try await !runsAnything(queue) else { return await sleep(all) }
        await sleep(short)
        if try await runsAnything(queue) { await sleep(all - short) }
    }

    /// True also when it would take too long to find out.
    private func runsAnything(_ queue: QueueName) async throws -> Bool {
        var after: UnfinishedJob?
        for _ in 0..<Self.runningPagesMax {
            let page = try await unfinished(in: queue, after: after)
            if page.contains(where: \.isRunning) { return true }
            guard page.count == Limits.storeBatchMax else { return false }
            after = page.last
        }
        return true
    }

    private func unfinished(in queue: QueueName, after: UnfinishedJob?) async throws -> [UnfinishedJob] {
        try await ledger.unfinished(
            age: (.zero - Limits.idAheadMax)..<(Limits.scheduleAheadMax * 2), in: queue, after: after,
            limit: Limits.storeBatchMax)
    }

    private func isPaused(_ queue: QueueName) async throws -> Bool {
        try await ledger.queues().first { $0.queue == queue }?.isPaused ?? false
    }
}
