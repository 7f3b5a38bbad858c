// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct TestClockTests {
    @Test func `sleepers wake when their time has come, and not before`() async throws {
        let clock = TestClock()
        let woken = TestSignal<Int>()

        try await withThrowingTaskGroup(of: Void.self) { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    woken.signal(seconds)
                }
            }
            await eventually("all sleep") { clock.sleeperCount == 3 }

            clock.advance(by: .milliseconds(999))
            #expect(clock.sleeperCount == 3)
            clock.advance(by: .milliseconds(1))
            #expect(try await woken.next() == 1)
            clock.set(to: clock.timestamp + .seconds(-100))
            #expect(clock.sleeperCount == 2)
            clock.advance(by: .seconds(102))
            #expect(try await Set(woken.next(2)) == [2, 3])
            try await group.waitForAll()
        }
    }

    @Test func `a cancelled sleeper wakes with an error`() async {
        let clock = TestClock()

        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) { try await clock.sleep(for: .seconds(1)) }
            }
            await eventually("it sleeps") { clock.sleeperCount == 1 }
            group.cancelAll()
        }

        #expect(clock.sleeperCount == 0)
    }

    @Test func `a sleep that is over does not wait`() async throws {
        try await TestClock().sleep(for: .zero)
        try await TestClock().sleep(for: .seconds(-1))
    }
}

@Suite struct TestSignalTests {
    @Test func `events are kept until they are waited for, in their order`() async throws {
        let signal = TestSignal<Int>()
        for number in 1...3 { signal.signal(number) }

        #expect(try await signal.next() == 1)
        #expect(try await signal.next(2) == [2, 3])
        #expect(signal.waitingEvents.isEmpty)
    }

    @Test func `whoever waits first is told first`() async throws {
        let signal = TestSignal<Int>()

        async let event = signal.next()
        signal.signal(7)

        #expect(try await event == 7)
    }

    @Test func `a wait in vain ends with its limit`() async {
        let signal = TestSignal<Int>()

        await #expect(throws: TestSignal<Int>.TimedOut.self) { try await signal.next(within: .milliseconds(20)) }

        signal.signal(1)
        #expect(signal.waitingEvents == [1])
    }

    @Test func `a condition that never holds is an issue`() async {
        await withKnownIssue {
            await eventually(within: .milliseconds(20), "it never holds") { false }
        }
    }
}

@Suite struct SplitMix64Tests {
    @Test func `a seed gives the numbers that it always gave`() {
        var generator = SplitMix64(seed: 1_234_567)

        #expect(
            (0..<5).map { _ in generator.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }
}
