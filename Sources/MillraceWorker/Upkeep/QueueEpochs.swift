// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Knows each queue's epoch, notices that the broker lost data, and rebuilds it from the ledger.
///
/// A missing or different epoch, or another server than the one that the epoch was given for, means that the broker lost data.
/// One process rebuilds a queue, under a lock of the ledger: see `QueueRebuild`. A queue that never had an epoch gets its first
/// one at once.
///
/// Change together: design "rebuild", `configure-queue.lua`, `QueueEpochsTests`.
actor QueueEpochs {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    struct Known: Sendable, Equatable {
        let epoch: Epoch
        let serverID: String
    }

    private static let pause: Duration = .milliseconds(500)

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let queues: [QueueName]
    private let queueRebuild: QueueRebuild
    private let logger: Logger
    private var known: [QueueName: Known] = [:]
    private var lastServerID: String?
    private var onServerChange: (@Sendable () async -> Void)?

    init(
        eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger, room: RoomWatch, queues: [QueueName],
        extendInterval: Duration, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
        self.queues = queues
        self.logger = logger
        queueRebuild = QueueRebuild(
            broker: broker, ledger: ledger, room: room, extendInterval: extendInterval
        ) { await eventLoop.sleep(for: $0) }
    }

    /// Called before anything else when another server answers: live leases must be declared to it soon.
    func setOnServerChange(_ action: @escaping @Sendable () async -> Void) {
        onServerChange = action
    }

    /// nil while the queue is being rebuilt or was not looked at yet: nothing may be reserved from it.
    func known(_ queue: QueueName) -> Known? {
        known[queue]
    }

    /// The broker refused this epoch: look again.
    func invalidate(_ queue: QueueName, epoch: Epoch) {
        if known[queue]?.epoch == epoch { known[queue] = nil }
    }

    /// Whether another server answers now than the one that the queue's epoch was given for.
    func isServerReplaced(of queue: QueueName) async throws(BrokerError) -> Bool {
        guard let known = known[queue] else { return true }
        return try await broker.serverID() != known.serverID
    }

    /// Looks after the server and each of the queues until it is cancelled. A rebuild waits for live workers for seconds, so each
    /// of them has a loop of its own.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watchServer() }
            for queue in queues { group.addTask { await self.lookAfter(queue) } }
        }
    }

    private func watchServer() async {
        while !Task.isCancelled {
            do {
                try await noticeServer(broker.serverID())
            } catch {
                logger.debug("server not identified", metadata: [.error: "\(error)"])
            }
            await eventLoop.sleep(for: Self.pause)
        }
    }

    private func noticeServer(_ serverID: String) async {
        // Also what a look at a queue has found that began before the change.
        for (queue, found) in known where found.serverID != serverID { known[queue] = nil }
        let isAnother = lastServerID.map { $0 != serverID } ?? false
        lastServerID = serverID
        if isAnother { await onServerChange?() }
    }

    private func lookAfter(_ queue: QueueName) async {
        while !Task.isCancelled {
            if known[queue] == nil {
                do {
                    if let found = try await reconcile(queue, serverID: broker.serverID()) { known[queue] = found }
                } catch {
                    logger.debug("epoch not settled", metadata: [.queue: "\(queue)", .error: "\(error)"])
                }
            }
            await eventLoop.sleep(for: Self.pause)
        }
    }

    /// The epoch that stands; nil while another process rebuilds the queue.
    private func reconcile(_ queue: QueueName, serverID: String) async throws -> Known? {
        try await ledger.ensureQueue(queue)
        if let standing = try await standing(queue, serverID: serverID) { return standing }
        guard let lock = try await ledger.lockRebuild(of: queue) else { return nil }
        let result: Result<Known?, any Error>
        do {
            result = .success(try await rebuild(queue, serverID: serverID, lock: lock))
        } catch {
            result = .failure(error)
        }
        await lock.release()
        return try result.get()
    }

    /// The epoch, when ledger and broker agree on it, or when the queue never had one.
    private func standing(_ queue: QueueName, serverID: String) async throws -> Known? {
        let settings = try await settings(of: queue)
        guard let epoch = settings.epoch else {
            let first = try await ledger.establishEpoch(of: queue, serverID: serverID)
            // Another process may have established it, and the broker may have lost it since: only an epoch that stands is known.
            let now = try await self.settings(of: queue)
            guard now.epoch == first, now.serverID == serverID else { return nil }
            Failpoint.reached(.epochEstablishedNotCopied)
            try await broker.configure(queue, isPaused: now.isPaused, epoch: first)
            return Known(epoch: first, serverID: serverID)
        }
        guard settings.serverID == serverID, try await broker.epoch(of: queue) == epoch else { return nil }
        return Known(epoch: epoch, serverID: serverID)
    }

    private func rebuild(_ queue: QueueName, serverID: String, lock: any RebuildLock) async throws -> Known? {
        if let standing = try await standing(queue, serverID: serverID) { return standing }
        let isKept = try await isKept(queue)
        if isKept {
            // A restart with its data, or a failover: as a rule nothing is missing, but nobody can know.
            logger.info("broker was restarted, queue is compared with the ledger", metadata: [.queue: "\(queue)"])
        } else {
            logger.warning("broker lost data, rebuilding queue from the ledger", metadata: [.queue: "\(queue)"])
        }
        guard let rebuilt = try await queueRebuild.run(queue, serverID: serverID, lock: lock) else { return nil }
        logger.log(
            level: isKept && rebuilt.pushed == 0 ? .info : .warning, "queue rebuilt",
            metadata: Logger.Metadata([
                .queue: "\(queue)", .epoch: "\(rebuilt.epoch.number)", .count: "\(rebuilt.pushed)",
                .left: "\(rebuilt.flagged)", .elapsed: "\(rebuilt.elapsed.milliseconds)ms",
            ]))
        return Known(epoch: rebuilt.epoch, serverID: serverID)
    }

    /// Whether the broker still has the epoch that the ledger knows; also an older copy of the data has it.
    private func isKept(_ queue: QueueName) async throws -> Bool {
        let standing = try await settings(of: queue).epoch
        return try await broker.epoch(of: queue) == standing
    }

    private func settings(of queue: QueueName) async throws -> QueueSettings {
        try await ledger.queues().first { $0.queue == queue } ?? QueueSettings(queue: queue)
    }
}
