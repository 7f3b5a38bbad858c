// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Runs suspects of a crash, each alone in this process.
///
/// The next one is reserved when the one before has ended *and* the ledger has its outcome: if the process is taken down then,
/// one job was running in it, and nobody else can be to blame. Which one that was, if any, the process has said by then
/// (`LoneRun`): a claim whose answer was lost, or came too late for its lease, started nothing.
///
/// Change together: design "crash", `PostgresLedger.blame`, `Supervisor+Reports.swift`.
extension JobFetcher {
    private static let pause: Duration = .milliseconds(200)

    /// What a process does that is for suspects alone: see ``SuspectPolicy/only(runsMax:idleMax:)``.
    func runSuspects(runsMax: Int?, idleMax: Duration) async {
        var runs = 0
        var idleSince = ContinuousClock.now
        var backoff = LoopBackoff()
        while await waitUntilAlone(), runs < runsMax ?? .max {
            do throws(BrokerError) {
                if try await fetchSuspect(from: configuration.queues) {
                    runs += 1
                    idleSince = .now
                } else if ContinuousClock.now - idleSince > idleMax {
                    return
                } else {
                    await eventLoop.sleep(for: Self.pause)
                }
                backoff.reset()
            } catch {
                logger.debug("no suspect reserved, the broker is away", metadata: [.error: "\(error)"])
                await eventLoop.sleep(for: backoff.next())
            }
        }
    }

    /// Has the suspects of a queue run here, as soon as nothing else runs.
    func attend(_ queue: QueueName) {
        if attended == nil, attendedNotBefore.map({ ContinuousClock.now >= $0 }) ?? true { attended = queue }
    }

    /// Stops reserving anything else until the suspects of the attended queue have run.
    ///
    /// Handlers that run for long, or ignore their cancellation, do not keep it waiting for ever: it gives up after a while,
    /// serves ordinary jobs, and tries again later.
    func runAttended() async {
        guard let queue = attended else { return }
        defer { attended = nil }
        logger.warning("suspects of a crash wait, and nobody else runs them: draining", metadata: [.queue: "\(queue)"])
        let end = ContinuousClock.now + configuration.suspectDrainMax
        guard await waitUntilAlone(until: end) else {
            if isStopping { return }
            attendedNotBefore = .now + configuration.suspectDrainMax * 5
            logger.warning("other handlers still run, suspects wait on", metadata: [.queue: "\(queue)"])
            return
        }
        var count = 0
        do throws(BrokerError) {
            // One that has begun is let run alone to its end, unless it ignores its cancellation.
            repeat {
                guard try await fetchSuspect(from: [queue]) else { break }
                count += 1
            } while await waitUntilAlone(orStuck: true) && ContinuousClock.now < end
        } catch {
            logger.debug("no suspect reserved, the broker is away", metadata: [.error: "\(error)"])
        }
        logger.info("suspects have run alone", metadata: [.queue: "\(queue)", .count: "\(count)"])
    }

    /// Returns when nothing runs and nothing is unrecorded; false when this process is to end before that, at the limit, or
    /// where that is asked for when a handler ignores its cancellation.
    private func waitUntilAlone(
        until limit: ContinuousClock.Instant? = nil, orStuck: Bool = false
    ) async -> Bool {
        while true {
            if isStopping || Task.isCancelled { return false }
            if await runner.mustBeReplaced {
                logger.error("a handler ignores its cancellation, this process ends to be replaced")
                return false
            }
            if await runner.isIdle, await writer.unrecordedCount == 0 {
                await runner.note(.idle)
                return true
            }
            if let limit, ContinuousClock.now >= limit { return false }
            if orStuck, await runner.stuckCount > 0 { return false }
            await eventLoop.sleep(for: .milliseconds(10))
        }
    }

    /// Starts the next suspect of the first queue that has one; false when none has.
    private func fetchSuspect(from queues: [QueueName]) async throws(BrokerError) -> Bool {
        for queue in queues {
            guard let epoch = await epochs.known(queue)?.epoch else { continue }
            let start = ContinuousClock.now
            do throws(BrokerError) {
                let reservation = try await broker.reserveSuspect(
                    from: queue, epoch: epoch, process: configuration.process)
                if reservation.isPaused, mayCheckPause(of: queue) { await copyPause(of: queue, over: true) }
                guard !reservation.jobs.isEmpty else { continue }
                await take(reservation.jobs, from: queue, askedAt: start, isAlone: true)
                return true
            } catch {
                guard error.code == .epochMismatch else { throw error }
                await epochs.invalidate(queue, epoch: epoch)
            }
        }
        return false
    }
}
