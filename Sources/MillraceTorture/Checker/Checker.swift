// SPDX-License-Identifier: Apache-2.0

/// Compares what was promised with what is there, and says it: a line for each invariant, and what breaks it.
struct Checker: Sendable {
    let stores: Stores

    struct Violation: Sendable {
        let what: String
        let count: Int
        let examples: [String]
    }

    /// What only the run itself tells.
    struct Observations: Sendable {
        /// Ids that Redis held in two places at once.
        var doubledIDs: Set<String> = []
        var keysLeft: [String] = []
        var changedAnswers = 0
        /// Runs beyond the first that no retry or snooze explains, and how many the faults explain.
        var repeatedRuns = 0
        var repeatedRunsMax = 0
        var strangeEndings: [String] = []
        var peakMiB = 0
        var redisMiB = 0
    }

    /// A process of the mill has much less, whatever it has been through.
    static let peakMiBMax = 768
    /// Redis without jobs.
    static let redisMiBMax = 64

    func violations(of invariant: Invariant, _ observations: Observations) async throws -> [Violation] {
        var found: [Violation] = []
        for rule in invariant.rules {
            let rows = try await stores.rows(rule.sql, within: 600)
            if !rows.isEmpty {
                found.append(Violation(what: rule.what, count: rows.count, examples: Array(rows.prefix(3))))
            }
        }
        return found + Self.violations(of: invariant.number, in: observations)
    }

    private static func violations(of number: Int, in seen: Observations) -> [Violation] {
        switch number {
        case 4 where seen.repeatedRuns > seen.repeatedRunsMax:
            [
                Violation(
                    what: "runs repeated, the faults explain \(seen.repeatedRunsMax)", count: seen.repeatedRuns,
                    examples: [])
            ]
        case 5:
            [
                violation("in two places in Redis", seen.doubledIDs.sorted()),
                violation("keys left in Redis", seen.keysLeft.sorted()),
            ].compactMap(\.self)
        case 7 where seen.changedAnswers > 0:
            [Violation(what: "requests repeated and answered differently", count: seen.changedAnswers, examples: [])]
        case 8: [violation("processes that ended by themselves", seen.strangeEndings)].compactMap(\.self)
        case 9 where seen.peakMiB > peakMiBMax || seen.redisMiB > redisMiBMax:
            [Violation(what: "MiB of a process \(seen.peakMiB), of Redis \(seen.redisMiB)", count: 1, examples: [])]
        default: []
        }
    }

    private static func violation(_ what: String, _ found: [String]) -> Violation? {
        found.isEmpty ? nil : Violation(what: what, count: found.count, examples: Array(found.prefix(3)))
    }
}
