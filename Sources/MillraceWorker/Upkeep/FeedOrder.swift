// SPDX-License-Identifier: Apache-2.0

import Millrace

/// In which order the relay hands over what waits in the ledger, when the broker has not room for all of it.
///
/// A job's *rank* is how many jobs run before it: those that are ready in its queue at its priority or a higher one, and
/// those handed over before it. The lowest rank goes first, whatever its queue. So a queue whose jobs pile up in the broker
/// does not take the room that another queue's workers have made, and a critical job goes before a queue's own backlog.
/// The jobs of the lowest ranks may go where others may not (`urgent`): what is paused, or has no workers, would otherwise
/// fill the broker and hold up all others for good. The fuller that reserve, the fewer of each queue may use it.
///
/// At times ranks count a job's own lane alone, so that `low` gets its turn under a lasting load of the others: once in 16
/// rounds, as often as reservations look from the other end.
struct FeedOrder: Sendable {
    static let backwardsEvery = 16
    private static let urgentMax = 200

    /// All of them, the first to be handed over foremost.
    let ids: [JobID]
    /// So many of them, from the front, are urgent.
    let urgentCount: Int

    /// - Parameters:
    ///   - rows: by queue, priority and age.
    ///   - urgentShare: how much of the reserve is free, from 0 to 1.
    init(_ rows: [UnfinishedJob], _ statuses: [QueueStatus], urgentShare: Double, isBackwards: Bool) {
        let ready = Dictionary(statuses.map { ($0.queue, $0.ready) }) { first, _ in first }
        var before: [Lane: Int] = [:]
        var ranked: [(rank: Int, place: Int, id: JobID)] = []
        for (place, row) in rows.enumerated() {
            let lane = Lane(queue: row.queue, priority: isBackwards ? row.priority : nil)
            let higher = Priority.allCases.filter {
                isBackwards ? $0 == row.priority : $0.rawValue <= row.priority.rawValue
            }
            let waiting = higher.reduce(0) { $0 + (ready[row.queue]?[$1] ?? 0) }
            ranked.append((waiting + before[lane, default: 0], place, row.id))
            before[lane, default: 0] += 1
        }
        ranked.sort { ($0.rank, $0.place) < ($1.rank, $1.place) }
        let limit = max(1, Int(Double(Self.urgentMax) * urgentShare))
        ids = ranked.map(\.id)
        urgentCount = ranked.prefix { $0.rank < limit }.count
    }

    private struct Lane: Hashable {
        let queue: QueueName
        /// nil for all of the queue's.
        let priority: Priority?
    }
}
