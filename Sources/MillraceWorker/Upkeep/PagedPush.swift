// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Pushes rows of the ledger by their ids, in pages bounded by bytes as well as by rows, for as long as the broker has room.
///
/// Relay, sweep and rebuild look at ids alone. A payload is read when its job is pushed, and forgotten with its page: 500 of the
/// largest would be 128 MiB in each process.
struct PagedPush: Sendable {
    let broker: any JobBroker
    let ledger: any JobLedger
    let room: RoomWatch

    struct Pushed: Sendable {
        let id: JobID
        let version: RowVersion
        let verdict: EnqueueVerdict
    }

    struct Result: Sendable {
        var pushed: [Pushed] = []
        /// What there was no room for, as far as it has not ended, in the order given.
        var held: [JobID] = []

        var enqueuedCount: Int { pushed.count { $0.verdict == .enqueued } }
    }

    /// What one page holds, and one more payload at most.
    static let bytesMax = 4 << 20

    /// Pushes those that have not ended, up to the first for which there is no room; what became of each of them.
    ///
    /// - Parameters:
    ///   - ids: at most ``Limits/storeBatchMax``.
    ///   - level: ``RoomEstimate/Level/urgent`` pushes nothing that is not due.
    func push(_ ids: [JobID], as level: RoomEstimate.Level = .backlog) async throws -> Result {
        var result = Result()
        var left = ids[...]
        while !left.isEmpty {
            await room.refresh()
            let free = room.free(for: level)
            guard free > 0 else { break }
            let page = try await ledger.pushable(Array(left), bytesMax: min(Self.bytesMax, free))
            // What comes behind the last of a page was not looked at; without any, all have ended.
            guard let last = page.last?.job.id, let place = left.lastIndex(of: last) else { return result }
            let wanted = level == .urgent ? page.filter { $0.job.delay <= .zero } : page
            let fitting = Self.prefix(of: wanted, within: free)
            guard try await push(fitting, as: level, &result) else { break }
            if fitting.count < wanted.count {
                left = left[(left.firstIndex(of: wanted[fitting.count].job.id) ?? place)...]
                break
            }
            left = left[(place + 1)...]
        }
        result.held = Array(left)
        return result
    }

    /// Pushes jobs that the broker does not know; what there is no room for is flagged for the relay.
    ///
    /// A running row cannot wait for the relay, as it may be held for long and is busy as long: it goes first, and if
    /// there is no room even so it is left as it is, for the sweep to find again.
    /// - Returns: how many jobs the broker took, and how many wait for the relay.
    func pushOrFlag(_ rows: [UnfinishedJob]) async throws -> (pushed: Int, flagged: Int) {
        let running = try await push(rows.filter(\.isRunning).map(\.id), as: .urgent)
        let others = try await push(rows.filter { !$0.isRunning }.map(\.id))
        try await ledger.flagAgain(others.held)
        return (running.enqueuedCount + others.enqueuedCount, others.held.count)
    }

    /// As many jobs as fit, and at most as many.
    private static func prefix(of page: [PushableJob], within free: Int) -> ArraySlice<PushableJob> {
        var bytes = 0
        return page.prefix { job in
            let (sum, isTooMuch) = bytes.addingReportingOverflow(job.cost)
            bytes = sum
            return !isTooMuch && bytes <= free
        }
    }

    /// False when there was no room after all.
    private func push(
        _ page: ArraySlice<PushableJob>, as level: RoomEstimate.Level, _ result: inout Result
    ) async throws -> Bool {
        for (queue, jobs) in Dictionary(grouping: page, by: \.queue) {
            let bytes = jobs.reduce(0) { $0 + $1.cost }
            guard room.take(bytes, for: level) else { return false }
            defer { room.finish(bytes) }
            do throws(BrokerError) {
                let answers = try await broker.enqueue(jobs.map(\.job), into: queue)
                result.pushed += zip(jobs, answers).map { Pushed(id: $0.job.id, version: $0.version, verdict: $1) }
            } catch {
                guard error.code == .full else { throw error }
                room.noteFull()
                return false
            }
        }
        return true
    }
}

extension PushableJob {
    fileprivate var cost: Int { RoomEstimate.cost(payloadBytes: job.envelope.payload.count) }
}
