// SPDX-License-Identifier: Apache-2.0

extension Submission {
    /// A submission's jobs by the durability that they are accepted with.
    package struct Parts: Sendable {
        /// For the ledger; nil where there are none.
        package var recorded: Submission?
        /// For the broker alone.
        package var entrusted: [NewJob]
    }

    /// What asks for durability `redis` gets it, unless it needs the ledger: to be replayed by an idempotency key, to wait for more than
    /// ``Limits/redisAheadMax``, or to be refused for what no row can hold.
    package func parts(now: Timestamp) -> Parts {
        let entrusted = idempotency == nil ? jobs.filter { $0.mayLackRow(now: now) } : []
        guard entrusted.count < jobs.count else { return Parts(recorded: nil, entrusted: entrusted) }
        var recorded = self
        if !entrusted.isEmpty { recorded.jobs.removeAll { $0.mayLackRow(now: now) } }
        for index in recorded.jobs.indices { recorded.jobs[index].durability = .postgres }
        return Parts(recorded: recorded, entrusted: entrusted)
    }
}

extension NewJob {
    fileprivate func mayLackRow(now: Timestamp) -> Bool {
        durability == .redis && dueAt.map { $0 - now <= Limits.redisAheadMax } ?? true
            && tags.count <= Limits.tagsMax
            && (tags + [trace ?? ""]).allSatisfy { $0.utf8.count <= UInt8.max && !$0.utf8.contains(0) }
    }
}
