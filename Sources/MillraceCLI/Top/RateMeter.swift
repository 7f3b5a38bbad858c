// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Jobs per second, made of the ledger's counts of the last hour and day.
///
/// Between two readings both counts grow by what ended, and about once a minute both shrink by the minute that left
/// their window. Those two minutes seldom hold the same number, so a step in which the two counts changed differently is
/// such a one and is left out; the mean of the others over some ten seconds is exact.
struct RateMeter: Sendable {
    /// Per second; nil before there are two readings.
    struct Rates: Sendable, Equatable {
        var completed: Double?
        var dead: Double?
    }

    private static let window: Duration = .seconds(10)
    private static let readingsMax = 100

    private var readings: [(at: Timestamp, counts: [QueueName: FinishedCounts])] = []

    mutating func add(_ counts: [QueueName: FinishedCounts], at time: Timestamp) {
        // A clock that was set back would make every step negative.
        if let last = readings.last, time <= last.at { readings = [] }
        readings.append((time, counts))
        while readings.count > Self.readingsMax || (readings.count > 2 && time - readings[1].at >= Self.window) {
            readings.removeFirst()
        }
    }

    func rates(of queue: QueueName) -> Rates {
        Rates(
            completed: rate(of: queue, hour: \.completedLastHour, day: \.completedLastDay),
            dead: rate(of: queue, hour: \.deadLastHour, day: \.deadLastDay))
    }

    private func rate(
        of queue: QueueName, hour: KeyPath<FinishedCounts, Int>, day: KeyPath<FinishedCounts, Int>
    ) -> Double? {
        var (ended, elapsed) = (0, Duration.zero)
        var (endedAtLeast, elapsedInAll) = (0, Duration.zero)
        for (before, after) in zip(readings, readings.dropFirst()) {
            let old = before.counts[queue] ?? FinishedCounts()
            let new = after.counts[queue] ?? FinishedCounts()
            let inHour = new[keyPath: hour] - old[keyPath: hour]
            let inDay = new[keyPath: day] - old[keyPath: day]
            let step = after.at - before.at
            endedAtLeast += max(0, inHour, inDay)
            elapsedInAll += step
            guard inHour == inDay, inHour >= 0 else { continue }
            ended += inHour
            elapsed += step
        }
        guard elapsedInAll > .zero else { return nil }
        return elapsed > .zero
            ? Double(ended) / (elapsed / .seconds(1)) : Double(endedAtLeast) / (elapsedInAll / .seconds(1))
    }
}
