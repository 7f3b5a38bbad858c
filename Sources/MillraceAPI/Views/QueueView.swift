// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// A queue as the API shows it: its lengths from the broker, the rest from the ledger.
package struct QueueView: Sendable {
    let status: QueueStatus
    let isPaused: Bool
    let flagged: FlaggedCount
    let finished: FinishedCounts
    let workers: Int
    let now: Timestamp

    /// - Parameter workers: live processes that take jobs from it.
    package init(
        status: QueueStatus, isPaused: Bool, flagged: FlaggedCount, finished: FinishedCounts, workers: Int,
        now: Timestamp
    ) {
        self.status = status
        self.isPaused = isPaused
        self.flagged = flagged
        self.finished = finished
        self.workers = workers
        self.now = now
    }

    package func write(to json: inout JSONWriter) {
        json.object { writeMembers(to: &$0) }
    }

    package func writeMembers(to json: inout JSONWriter) {
        json.member("name", status.queue.name)
        json.member("paused", isPaused)
        json.member("ready", status.readyCount)
        json.member("ready_by_priority") { json in
            json.object { json in
                // With the cancelled entries that are still to be met, which nobody has counted by priority.
                for priority in Priority.allCases { json.member(priority.name, status.ready[priority] ?? 0) }
            }
        }
        json.member("scheduled", status.scheduled)
        json.member("running", status.running)
        // Suspects of a crash, which wait to be run alone.
        json.member("quarantined", status.quarantined)
        // Accepted, and not yet handed to the broker.
        json.member("unpushed", flagged.count)
        json.member("unpushed_exact", flagged.isExact)
        // Live processes that take jobs from it: 0 says why nothing starts.
        json.member("workers", workers)
        json.member("oldest_ready_age", status.oldestReady.map { max(.zero, now - $0.time).text })
        json.member("completed_last_hour", finished.completedLastHour)
        json.member("completed_last_day", finished.completedLastDay)
        json.member("dead_last_hour", finished.deadLastHour)
        json.member("dead_last_day", finished.deadLastDay)
    }
}
