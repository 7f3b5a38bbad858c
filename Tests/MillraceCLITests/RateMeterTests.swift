// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillraceCLI

@Suite("RateMeter")
struct RateMeterTests {
    private static let start = Timestamp(unixMilliseconds: 1_767_225_600_000)

    /// One reading a second of one queue: jobs completed in the last hour and day.
    private func rate(_ counts: [(hour: Int, day: Int)], everySeconds step: Int = 1) -> Double? {
        var meter = RateMeter()
        for (index, count) in counts.enumerated() {
            meter.add(
                ["a": FinishedCounts(completedLastHour: count.hour, completedLastDay: count.day)],
                at: Self.start + .seconds(index * step))
        }
        return meter.rates(of: "a").completed
    }

    @Test func `one reading tells no rate, two do`() {
        #expect(rate([(5, 50)]) == nil)
        #expect(rate([(5, 50), (8, 53)]) == 3)
        #expect(rate([(0, 0), (0, 0)]) == 0)
        #expect(RateMeter().rates(of: "a") == RateMeter.Rates())
    }

    @Test func `a minute that leaves a window disturbs nothing`() {
        #expect(rate([(100, 900), (110, 910), (70, 890), (80, 900)]) == 10)
        #expect(rate([(100, 900), (70, 910), (80, 920)]) == 10)
    }

    @Test func `where every step loses a minute there is a lower bound`() {
        #expect(rate([(600, 9000), (500, 9060)], everySeconds: 60) == 1)
        #expect(rate([(600, 9000), (0, 0)], everySeconds: 60) == 0)
    }

    @Test func `only the last ten seconds count`() {
        let slow = (0..<20).map { (hour: $0, day: $0) }
        let fast = (1...11).map { (hour: 19 + 100 * $0, day: 19 + 100 * $0) }

        #expect(rate(slow + fast) == 100)
        #expect(rate([(0, 0), (20, 20)], everySeconds: 20) == 1)
    }

    @Test func `a clock that was set back starts anew`() {
        var meter = RateMeter()
        meter.add(["a": FinishedCounts(completedLastHour: 9, completedLastDay: 9)], at: Self.start + .seconds(60))
        meter.add(["a": FinishedCounts(completedLastHour: 10, completedLastDay: 10)], at: Self.start)

        #expect(meter.rates(of: "a").completed == nil)
    }

    @Test func `a queue that appears counts from nothing`() {
        var meter = RateMeter()
        meter.add([:], at: Self.start)
        meter.add(["b": FinishedCounts(deadLastHour: 4, deadLastDay: 4)], at: Self.start + .seconds(2))

        #expect(meter.rates(of: "b") == RateMeter.Rates(completed: 0, dead: 2))
    }
}
