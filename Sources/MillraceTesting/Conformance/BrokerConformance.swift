// SPDX-License-Identifier: Apache-2.0

import Testing

/// What every broker does, case by case: the contract of `JobBroker` as tests.
///
/// ```swift
/// @Test(arguments: BrokerConformance.allCases)
/// func `the contract holds`(_ conformance: BrokerConformance) async throws {
///     try await conformance.run(on: RedisHarness())
/// }
/// ```
///
/// A case works in queues with names of its own. The list of workers is all that cases share, so harnesses that run at the same
/// time need one each where their clocks differ.
package struct BrokerConformance: Sendable, CustomTestStringConvertible {
    /// The behaviour as a sentence.
    package let name: String
    private let body: @Sendable (BrokerTrial) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (BrokerTrial) async throws -> Void) {
        self.name = name
        self.body = body
    }

    package static let allCases: [BrokerConformance] =
        enqueueing + reserving + ending + leasing + reclaiming + promoting + cancelling + waiting + describing
        + quarantining + entrusting

    package func run(on harness: any BrokerHarness) async throws {
        try await body(BrokerTrial(harness: harness))
    }

    package var testDescription: String { name }
}
