// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@Suite struct TimestampTests {
    @Test func `a duration is added and taken away in whole milliseconds`() {
        let time = Timestamp(unixMilliseconds: 1000)

        #expect(time + .milliseconds(1) == Timestamp(unixMilliseconds: 1001))
        #expect(time + .seconds(-2) == Timestamp(unixMilliseconds: -1000))
        #expect(time + .microseconds(1999) == Timestamp(unixMilliseconds: 1002))
        #expect(Timestamp(unixMilliseconds: 2500) - time == .milliseconds(1500))
        #expect(time - Timestamp(unixMilliseconds: 2500) == .milliseconds(-1500))
    }

    @Test func `an absurd duration ends at the ends of time`() {
        let far = Duration.seconds(Int64.max)

        #expect(Timestamp(unixMilliseconds: 1) + far == Timestamp(unixMilliseconds: .max))
        #expect(Timestamp(unixMilliseconds: .max) + .milliseconds(1) == Timestamp(unixMilliseconds: .max))
        #expect(Timestamp(unixMilliseconds: .min) + .milliseconds(-1) == Timestamp(unixMilliseconds: .min))
        #expect(Timestamp(unixMilliseconds: -5) + (.zero - far) == Timestamp(unixMilliseconds: .min))
    }

    @Test func `durations of any length have milliseconds`() {
        #expect(Duration.seconds(2).milliseconds == 2000)
        #expect(Duration.milliseconds(-3).milliseconds == -3)
        #expect(Duration.nanoseconds(1_999_999).milliseconds == 2)
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
        #expect(Duration.seconds(Int64.min).milliseconds == .min)
    }

    @Test func `a duration above zero has a millisecond at least`() {
        #expect(Duration.microseconds(400).milliseconds == 1)
        #expect(Duration.nanoseconds(1).milliseconds == 1)
        #expect(Duration.zero.milliseconds == 0)
        #expect(Duration.microseconds(-400).milliseconds == 0)
        #expect(Duration.microseconds(-1400).milliseconds == -1)
    }

    @Test func `times are ordered`() {
        #expect(Timestamp(unixMilliseconds: -1) < Timestamp(unixMilliseconds: 0))
        #expect(!(Timestamp(unixMilliseconds: 0) < Timestamp(unixMilliseconds: 0)))
    }
}
