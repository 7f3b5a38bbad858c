// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Keeps the leases of this process alive, from the reservation until the outcome is acknowledged.
///
/// All leases are extended together, every `interval`, from an event loop of its own, so that handlers that hog the cooperative
/// pool cannot starve it. A *lost* job's handler is cancelled; *unknown* means that the broker lost its data: the handler goes on
/// and the lease is declared again. What the worker has forgotten expires by itself.
///
/// Change together: `extend-leases.lua`, `redeclare-jobs.lua`, `QueueEpochs`, `LeaseKeeperTests`.
actor LeaseKeeper {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let epochs: QueueEpochs
    private let interval: Duration
    private let logger: Logger
    private var held: [Lease: Holding] = [:]
    private var onLost: (@Sendable ([Lease]) async -> Void)?

    private struct Holding {
        let envelope: [UInt8]
        var duration: Duration
    }

    init(
        eventLoop: any EventLoop, broker: any JobBroker, epochs: QueueEpochs, interval: Duration, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.epochs = epochs
        self.interval = interval
        self.logger = logger
    }

    /// Who is told of lost leases.
    func setOnLost(_ onLost: @escaping @Sendable ([Lease]) async -> Void) {
        self.onLost = onLost
    }

    func adopt(_ jobs: [LeasedJob]) {
        for job in jobs { held[job.lease] = Holding(envelope: job.envelope, duration: Limits.lease) }
    }

    /// Whether this process still has the lease, as far as it knows.
    func holds(_ lease: Lease) -> Bool { held[lease] != nil }

    /// Gives leases the length that their kind wants, at once where it differs from what the reservation gave. None is shorter
    /// than three intervals, so that two extensions may fail.
    func setDuration(_ duration: Duration, of leases: [Lease]) async {
        let duration = max(duration, interval * 3)
        guard duration != Limits.lease else { return }
        for lease in leases { held[lease]?.duration = duration }
        await extend(leases)
    }

    /// Leases that were acknowledged or given up: they are extended no more.
    func forget(_ leases: [Lease]) {
        for lease in leases { held[lease] = nil }
    }

    /// Extends until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            await eventLoop.sleep(for: interval)
            await extendAll()
        }
    }

    /// Extends everything now; also called when the broker is back after it was away.
    func extendAll() async {
        await extend(Array(held.keys))
    }

    private func extend(_ leases: [Lease]) async {
        let groups = Dictionary(grouping: leases.filter { held[$0] != nil }) { lease in
            Group(queue: lease.queue, duration: held[lease]?.duration ?? Limits.lease)
        }
        for (group, leases) in groups {
            for start in stride(from: 0, to: leases.count, by: Limits.storeBatchMax) {
                await extendBatch(Array(leases[start..<min(start + Limits.storeBatchMax, leases.count)]), of: group)
            }
        }
    }

    private func extendBatch(_ leases: [Lease], of group: Group) async {
        let known = await epochs.known(group.queue)
        do throws(BrokerError) {
            let statuses = try await broker.extend(
                leases, in: group.queue, epoch: known?.epoch ?? .none, by: group.duration)
            var lost: [Lease] = []
            var unknown: [Lease] = []
            if statuses.contains(.unknown), let known { await epochs.invalidate(group.queue, epoch: known.epoch) }
            // An acknowledgement may have come between the call and its answer: what is no longer held is not lost.
            for (lease, status) in zip(leases, statuses) where held[lease] != nil {
                switch status {
                case .owned: break
                case .lost: lost.append(lease)
                case .unknown: unknown.append(lease)
                }
            }
            if !lost.isEmpty, try await epochs.isServerReplaced(of: group.queue) {
                // The server restarted with its epoch but without its last writes: nobody took these leases.
                unknown += lost
                lost = []
            }
            try await redeclare(unknown, of: group)
            await giveUp(lost)
        } catch {
            logger.debug("leases not extended", metadata: [.queue: "\(group.queue)", .error: "\(error)"])
        }
    }

    private func redeclare(_ leases: [Lease], of group: Group) async throws(BrokerError) {
        let jobs = leases.compactMap { lease in
            held[lease].map { LeasedJob(lease: lease, envelope: $0.envelope) }
        }
        guard !jobs.isEmpty else { return }
        Failpoint.reached(.leaseNotRedeclared)
        _ = try await broker.redeclare(jobs, in: group.queue, by: group.duration)
        logger.warning(
            "broker lost leases, declared again", metadata: [.queue: "\(group.queue)", .count: "\(jobs.count)"])
    }

    private func giveUp(_ leases: [Lease]) async {
        let lost = leases.filter { held.removeValue(forKey: $0) != nil }
        guard !lost.isEmpty else { return }
        for lease in lost {
            logger.warning("lease lost", metadata: [.jobID: "\(lease.id)", .queue: "\(lease.queue)"])
        }
        await onLost?(lost)
    }

    private struct Group: Hashable {
        let queue: QueueName
        let duration: Duration
    }
}
