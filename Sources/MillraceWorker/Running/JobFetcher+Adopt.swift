// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace

/// Gives jobs their rows that the ledger need not know: those of durability `redis`.
///
/// One whose data the ledger refuses (a database in another encoding, a payload nested too deep) would be refused for ever, and
/// its neighbours with it: the batch is halved until it stands alone. Its copy in the broker is all that there is of its job, so it
/// is put off, not dropped: an operator may mend the database. Nothing is to be recorded first, as the ledger has nothing of it.
extension JobFetcher {
    struct Adoption {
        var refused: Set<JobID> = []
        /// False when this process was asked to end before that.
        var isDone = true
    }

    /// However long that takes while the ledger is away.
    func adopt(_ jobs: [UnrecordedJob]) async -> Adoption {
        var adoption = Adoption()
        var left = jobs[...]
        var batchMax = jobs.count
        var backoff = LoopBackoff()
        while !left.isEmpty {
            guard !isStopping, !Task.isCancelled else {
                adoption.isDone = false
                break
            }
            let batch = left.prefix(batchMax)
            do throws(LedgerError) {
                try await ledger.adopt(Array(batch))
                left = left.dropFirst(batch.count)
                batchMax *= 2
                backoff.reset()
            } catch {
                guard error.code == .rejected else {
                    logger.debug("adoption repeated", metadata: [.count: "\(batch.count)", .error: "\(error)"])
                    await eventLoop.sleep(for: backoff.next())
                    continue
                }
                guard batch.count == 1, let job = left.popFirst()?.job else {
                    batchMax = batch.count / 2
                    continue
                }
                adoption.refused.insert(job.id)
                logger.error(
                    "the ledger refuses the row of a job, it stays in the broker and is tried again later",
                    metadata: [
                        .jobID: "\(job.id)", .jobKind: "\(job.kind)", .queue: "\(job.queue)",
                        .delay: "\(Self.missingRowDelay)", .error: "\(error)",
                    ])
            }
        }
        return adoption
    }

    /// Keeps jobs without a row in the broker, to be looked at again later.
    func putOff(_ leases: [Lease]) async {
        guard !leases.isEmpty else { return }
        await writer.acknowledge(leases, .retry(after: Self.missingRowDelay))
    }
}
