// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct BackoffTests {
    @Test func `a delay lies between a quarter second and the doubled base, up to the limit`() {
        let backoff = Backoff(base: .seconds(2), limit: .seconds(3600))
        var generator = SplitMix64(seed: SplitMix64.seedFromEnvironment())

        for failures in 1...64 {
            let ceiling: Int64 = min(2000 * (1 << Int64(min(failures - 1, 40))), 3_600_000)
            for _ in 0..<100 {
                let delay = backoff.delay(afterFailures: failures, using: &generator)
                #expect((250...ceiling).contains(delay.milliseconds), "after \(failures) failures")
            }
        }
    }

    @Test func `the jitter is full: both ends of the range are met`() {
        let backoff = Backoff(base: .seconds(10), limit: .seconds(10))
        var generator = SplitMix64(seed: 7)

        let delays = (0..<2000).map { _ in backoff.delay(afterFailures: 1, using: &generator).milliseconds }

        #expect((delays.min() ?? 0) < 500)
        #expect((delays.max() ?? 0) > 9750)
    }

    @Test(arguments: [
        Backoff(base: .zero, limit: .zero), Backoff(base: .seconds(-5), limit: .seconds(-5)),
        Backoff(base: .milliseconds(1), limit: .milliseconds(1)),
    ])
    func `a backoff that is too short waits a quarter second`(_ backoff: Backoff) {
        var generator = SplitMix64(seed: 1)

        for failures in [-1, 0, 1, 2] {
            #expect(backoff.delay(afterFailures: failures, using: &generator) == .milliseconds(250))
        }
    }

    @Test func `absurd settings trap nothing`() {
        var generator = SplitMix64(seed: 1)
        let backoff = Backoff(base: .seconds(Int64.max), limit: .seconds(Int64.max))

        for failures in [-5, 0, 1, 63, 64, .max] {
            #expect(backoff.delay(afterFailures: failures, using: &generator) >= .milliseconds(250))
        }
    }
}
