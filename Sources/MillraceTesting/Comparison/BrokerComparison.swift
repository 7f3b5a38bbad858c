// SPDX-License-Identifier: Apache-2.0

import Testing

/// Runs the same random programs on a broker and on the model, and compares every answer and, after every step, all state.
///
/// A difference is reported with the seed and with the program, shortened as far as it goes. Each run has a queue of its own.
package struct BrokerComparison: Sendable {
    package let subject: any BrokerSubject
    package let seed: UInt64
    private static let shrinkingRunsMax = 400

    /// - Parameter seed: default that of `MILLRACE_TEST_SEED`, or one at random.
    package init(subject: any BrokerSubject, seed: UInt64 = SplitMix64.seedFromEnvironment()) {
        self.subject = subject
        self.seed = seed
    }

    /// Runs programs of so many steps each; records an issue for the first difference.
    package func run(programs: Int = 20, steps: Int = 300) async throws {
        if let difference = try await firstDifference(programs: programs, steps: steps) {
            Issue.record("\(difference)")
        }
    }

    package func firstDifference(programs: Int, steps: Int) async throws -> StoreDifference? {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<programs {
            let program = BrokerStep.program(steps, using: &generator)
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

    private func failure(of program: [BrokerStep]) async throws -> BrokerRun.Failure? {
        try await BrokerRun(subject: subject, seed: seed).failure(of: program)
    }
}
