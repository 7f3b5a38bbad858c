// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace

/// What the stores are told of a worker process that ended.
///
/// First, when it ended by a signal from within, the jobs that it ran are blamed for it; then its leases are released,
/// so that its jobs run again at once instead of after their lease. In that order: a released job may be claimed by
/// another process at once, and then nobody knows any more that it was running in this one. If a store is away the
/// report is repeated, within limits; without it nothing is lost, as leases expire.
extension Supervisor {
    private static let blameMax: Duration = .seconds(300)
    /// Leases that old have expired.
    private static let releaseMax: Duration = .seconds(60)

    func report(_ child: Child, _ ending: ChildEnding) async {
        guard case .pool = child.role else { return }
        if let signal = ending.signalFromWithin {
            await repeating("jobs of a crashed process not blamed", of: child, for: Self.blameMax) {
                () async throws(CommandError) in
                do throws(LedgerError) {
                    let buried = try await self.ledger.blame(child.process, signal: signal)
                    if !buried.isEmpty {
                        self.logger.error(
                            "jobs buried that took processes down again and again",
                            metadata: [.jobID: "\(buried)", .signal: "\(signal)", .pool: "\(child.role)"])
                    }
                } catch {
                    throw CommandError(error)
                }
            }
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
        if !ending.isClean {
            // Its word of itself would be forgotten in half a minute anyway.
            try? await broker.withdraw(child.process)
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
