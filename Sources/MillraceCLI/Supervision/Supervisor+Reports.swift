// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import Synchronization

/// What the stores are told of a worker process that ended.
///
/// First, when it ended by a signal from within or at its limit of memory, the jobs that it ran are blamed for it: they are
/// suspects from then on, or, where one ran alone, buried. One that ran alone is blamed for its process's exit, too, or for
/// ignoring its time-out, and buried at the third time. Then its leases end: those of suspects in the suspects' lane,
/// all others at the head of theirs, so that its jobs run again at once instead of after their lease. In that order: a
/// released job may be claimed by another process at once, and then nobody knows any more that it was running in this
/// one. If a store is away the report is repeated, within limits; without it nothing is lost, as leases expire.
extension Supervisor {
    private static let blameMax: Duration = .seconds(300)
    /// Leases that old have expired.
    private static let releaseMax: Duration = .seconds(60)

    /// - Returns: whether jobs were blamed for the end.
    func report(_ child: Child, _ end: ChildEnd) async -> Bool {
        guard child.role != .api else { return false }
        let blame = await blame(child, end)
        if blame != Blame() {
            Failpoint.reached(blame.buried.isEmpty ? .blamedNotMoved : .buriedNotTold)
            await move(blame)
            Failpoint.reached(.movedNotReleased)
        }
        for queue in child.queues {
            await repeating("leases of an ended process not released", of: child, for: Self.releaseMax) {
                () async throws(CommandError) in
                do throws(BrokerError) {
                    let count = try await self.broker.releaseAll(of: child.process, in: queue)
                    guard count > 0 else { return }
                    self.logger.info(
                        "leases of an ended process released",
                        metadata: [.process: "\(child.process)", .queue: "\(queue)", .count: "\(count)"])
                } catch {
                    throw CommandError(error)
                }
            }
        }
        if !end.ending.isClean {
            // Its word of itself would be forgotten in half a minute anyway.
            try? await broker.withdraw(child.process)
        }
        return blame != Blame()
    }

    /// Tells the ledger of a crash. Where the answer is lost the claims of these jobs say what became of them.
    private func blame(_ child: Child, _ end: ChildEnd) async -> Blame {
        guard
            let crash = end.blame(process: child.process, isAlone: child.isAlone, wasStopped: child.wasStopped)
        else { return Blame() }
        Failpoint.reached(.crashNotBlamed)
        let result = Mutex(Blame())
        await repeating("jobs of a crashed process not blamed", of: child, for: Self.blameMax) {
            () async throws(CommandError) in
            do throws(LedgerError) {
                let blame = try await self.ledger.blame(crash)
                result.withLock { $0 = blame }
            } catch {
                throw CommandError(error)
            }
        }
        let blame = result.withLock(\.self)
        let facts: [LogKey: Logger.MetadataValue] = [
            .pool: "\(child.role)", .error: "\(crash.report.prefix { $0 != "\n" })",
        ]
        for lease in blame.buried {
            logger.error(
                crash.isCertain
                    ? "job buried, it took down the process in which it ran alone"
                    : "job buried, none of its lone runs ended in order",
                metadata: facts.merging([.jobID: "\(lease.id)"]) { $1 })
        }
        if !blame.suspects.isEmpty {
            logger.warning(
                crash.alone == nil
                    ? "jobs of a crashed process are run again alone"
                    : "a lone run ended with its process, its job is run again alone",
                metadata: facts.merging([.count: "\(blame.suspects.count)"]) { $1 })
        }
        return blame
    }

    /// Tells the broker of what the ledger has done. What it is not told the claims find out, as leases expire.
    private func move(_ blame: Blame) async {
        for (queue, leases) in Dictionary(grouping: blame.buried, by: \.queue) {
            _ = try? await broker.complete(leases, in: queue, announcing: leases.map(\.id))
        }
        for (queue, leases) in Dictionary(grouping: blame.suspects, by: \.queue) {
            for start in stride(from: 0, to: leases.count, by: Limits.storeBatchMax) {
                let batch = leases[start..<min(start + Limits.storeBatchMax, leases.count)]
                _ = try? await broker.quarantine(Array(batch), in: queue)
            }
        }
    }

    private func repeating(
        _ failure: Logger.Message, of child: Child, for limit: Duration,
        _ attempt: @Sendable () async throws(CommandError) -> Void
    ) async {
        let end = ContinuousClock.now + limit
        var delay: Duration = .milliseconds(250)
        while true {
            do throws(CommandError) {
                return try await attempt()
            } catch {
                guard ContinuousClock.now < min(end, reportsEnd ?? end), !Task.isCancelled else {
                    logger.warning(
                        failure, metadata: [.process: "\(child.process)", .pool: "\(child.role)", .error: "\(error)"])
                    return
                }
                try? await Task.sleep(for: delay)
                delay = min(delay * 2, .seconds(2))
            }
        }
    }
}
