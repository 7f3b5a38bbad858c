// SPDX-License-Identifier: Apache-2.0

import Testing

/// What every ledger does, case by case: the contract of `JobLedger` as tests.
///
/// ```swift
/// @Test(arguments: LedgerConformance.allCases)
/// func `the contract holds`(_ conformance: LedgerConformance) async throws {
///     try await PostgresHarness.withFreshDatabase { try await conformance.run(on: $0) }
/// }
/// ```
///
/// Each run wants a store of its own, since some cases move its clock and some look at all of its queues.
package struct LedgerConformance: Sendable, CustomTestStringConvertible {
    /// The behaviour as a sentence.
    package let name: String
    private let body: @Sendable (LedgerTrial) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (LedgerTrial) async throws -> Void) {
        self.name = name
        self.body = body
    }

    package static let allCases: [LedgerConformance] =
        accepting + remembering + claiming + recording + storing + stepping + cancelling + pushing + blaming + showing
        + settling + adopting + keepingAPIKeys

    package func run(on harness: any LedgerHarness) async throws {
        try await body(LedgerTrial(harness: harness))
    }

    package var testDescription: String { name }
}
