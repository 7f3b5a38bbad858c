// SPDX-License-Identifier: Apache-2.0

/// Makes a failing program shorter: leaves steps out, in ever smaller pieces, while it fails all the same.
enum Shrinker {
    /// - Parameter runsMax: how often `fails` is asked, at most; what is left then is as short as it got.
    static func shrink<Step>(
        _ steps: [Step], runsMax: Int, fails: ([Step]) async throws -> Bool
    ) async rethrows -> [Step] {
        var steps = steps
        var runs = 0
        var length = max(1, steps.count / 2)
        while true {
            var start = 0
            while start < steps.count, runs < runsMax {
                var shorter = steps
                shorter.removeSubrange(start..<min(start + length, steps.count))
                runs += 1
                if try await fails(shorter) { steps = shorter } else { start += length }
            }
            if length == 1 || runs >= runsMax { return steps }
            length /= 2
        }
    }
}

/// Where two stores that ran the same program first differed.
package struct StoreDifference: Sendable, CustomStringConvertible {
    package let seed: UInt64
    /// The steps up to the difference, shortened; the last one shows it.
    package let steps: [String]
    package let model: String
    package let subject: String

    package var description: String {
        let numbered = steps.enumerated().map { "  \($0 + 1). \($1)" }
        return
            (["stores differ (MILLRACE_TEST_SEED=\(seed)) after"] + numbered
            + ["model:   \(model)", "subject: \(subject)"]).joined(separator: "\n")
    }
}
