// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Pushes rows of the ledger by their ids, in pages bounded by bytes as well as by rows.
///
/// Relay, sweep and rebuild look at ids alone. A payload is read when its job is pushed, and forgotten with its page: 500 of the
/// largest would be 128 MiB in each process.
struct PagedPush: Sendable {
    let broker: any JobBroker
    let ledger: any JobLedger

    struct Pushed: Sendable {
        let id: JobID
        let version: RowVersion
        let verdict: EnqueueVerdict
    }

    /// What one page holds, and one more payload at most.
    static let bytesMax = 4 << 20

    /// Pushes those that have not ended; what became of each of them.
    ///
    /// - Parameter ids: at most ``Limits/storeBatchMax``.
    func push(_ ids: [JobID]) async throws -> [Pushed] {
        var pushed: [Pushed] = []
        var left = ids[...]
        while !left.isEmpty {
            let page = try await ledger.pushable(Array(left), bytesMax: Self.bytesMax)
            // What comes behind the last of a page was not looked at; without any, all have ended.
            guard let last = page.last?.job.id, let place = left.lastIndex(of: last) else { break }
            left = left[(place + 1)...]
            for (queue, jobs) in Dictionary(grouping: page, by: \.queue) {
                let answers = try await broker.enqueue(jobs.map(\.job), into: queue)
                pushed += zip(jobs, answers).map { Pushed(id: $0.job.id, version: $0.version, verdict: $1) }
            }
        }
        return pushed
    }
}
