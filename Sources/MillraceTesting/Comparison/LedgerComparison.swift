// SPDX-License-Identifier: Apache-2.0

import Testing

/// A ledger that is compared with the model, step by step.
package protocol LedgerSubject: LedgerHarness {
    /// Empties the store: no rows, no queues, no pools, no keys.
    func reset() async throws
}

/// Runs the same random programs on a ledger and on the model, and compares every answer and, after every step, all that both
/// can be asked about their state.
///
/// A difference is reported with the seed and with the program, shortened as far as it goes. Texts that the stores choose (why a
/// result cannot be stored), times finer than ten minutes and the counts of ended jobs are not compared.
package struct LedgerComparison: Sendable {
    package let subject: any LedgerSubject
    package let seed: UInt64
    private static let shrinkingRunsMax = 200

    /// - Parameter seed: default that of `MILLRACE_TEST_SEED`, or one at random.
    package init(subject: any LedgerSubject, seed: UInt64 = SplitMix64.seedFromEnvironment()) {
        self.subject = subject
        self.seed = seed
    }

    /// Runs programs of so many steps each; records an issue for the first difference.
    package func run(programs: Int = 10, steps: Int = 200) async throws {
        if let difference = try await firstDifference(programs: programs, steps: steps) {
            Issue.record("\(difference)")
        }
    }

    package func firstDifference(programs: Int, steps: Int) async throws -> StoreDifference? {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<programs {
            let program = LedgerStep.program(steps, using: &generator)
            guard let failure = try await failure(of: program) else { continue }
            let shortest = try await Shrinker.shrink(
                Array(program[...failure.index]), runsMax: Self.shrinkingRunsMax
            ) { try await self.failure(of: $0) != nil }
            let final = try await self.failure(of: shortest) ?? failure
            return StoreDifference(
                seed: seed, steps: shortest.map { "\($0)" }, model: final.model, subject: final.subject)
        }
        return nil
    }

    private func failure(of program: [LedgerStep]) async throws -> LedgerRun.Failure? {
        try await subject.reset()
        return try await LedgerRun(subject: subject, seed: seed).failure(of: program)
    }
}
