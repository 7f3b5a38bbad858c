// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What becomes of jobs that need the ledger's word while it is away.
///
/// A claim whose answer is not certain is repeated until it is, so its job is held, lease and slot. But first attempts of durability
/// `redis` ask nobody, and must not wait for those that do. So these wait beside, in up to half of the slots, and what else is reserved
/// goes on in the others. What exceeds that, and has not been claimed as far as the ledger's errors say, is given back to the head of
/// its lane, and its queue rests for a second: other processes may reach the ledger. Should a claim have been granted all the same,
/// the next one takes it over.
///
/// More jobs at the head of a lane than half of the slots, all of which need a claim, still keep those of durability `redis` behind
/// them in that lane waiting.
///
/// Change together: `OutageTests`.
extension JobFetcher {
    private static let rest: Duration = .seconds(1)

    /// Jobs that were reserved together, and begin when they have their rows and claims.
    struct Unsettled: Sendable {
        var unbegun: [UnrecordedJob]
        /// Those of the unbegun ones included.
        var claimed: [Lease]
        var readable: [Lease: Candidate]
        var isAlone: Bool
    }

    /// Has jobs settled, and returns when that is done, or when the ledger is away: then they wait for it.
    func settle(_ jobs: Unsettled, beside group: inout DiscardingTaskGroup) async {
        var jobs = jobs
        if isLedgerAway {
            // Of the unbegun ones nobody else would know that no attempt has begun.
            let unbegun = Set(jobs.unbegun.map(\.job.id))
            let others = jobs.claimed.filter { !unbegun.contains($0.id) }
            let left = await giveBackExcess(of: others, awaiting.count + jobs.claimed.count)
            jobs.claimed = jobs.claimed.filter { unbegun.contains($0.id) } + left
        }
        guard !jobs.claimed.isEmpty else { return }
        awaiting.formUnion(jobs.claimed)
        group.addTask { [jobs] in await self.settleAwaited(jobs) }
        while !mayGoOn { await withCheckedContinuation { settled.add($0, unless: mayGoOn) } }
    }

    private var mayGoOn: Bool { awaiting.isEmpty || isLedgerAway }

    private func settleAwaited(_ jobs: Unsettled) async {
        await settle(jobs)
        awaiting.subtract(jobs.claimed)
        // When nobody asks any more the next one has to.
        noteLedger(isAway: isLedgerAway)
    }

    func noteLedger(isAway: Bool) {
        isLedgerAway = isAway && !awaiting.isEmpty
        settled.raise()
    }

    /// Gives back, of jobs whose claims were not granted, what exceeds half of the slots.
    ///
    /// - Parameter count: of all that wait, or are to wait.
    /// - Returns: those that are left.
    func giveBackExcess(of leases: [Lease], _ count: Int) async -> [Lease] {
        let excess = min(count - configuration.concurrency / 2, leases.count)
        guard excess > 0 else { return leases }
        let given = Array(leases.suffix(excess))
        for lease in given { restUntil[lease.queue] = .now + Self.rest }
        awaiting.subtract(given)
        await writer.acknowledge(given, .release)
        return leases.dropLast(excess)
    }

    func rests(_ queue: QueueName) -> Bool {
        restUntil[queue].map { ContinuousClock.now < $0 } ?? false
    }
}
