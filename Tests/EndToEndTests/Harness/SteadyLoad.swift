// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Submits jobs one by one at a steady rate, and notes every answer.
actor SteadyLoad {
    struct Answer: Sendable {
        let sentAt: ContinuousClock.Instant
        let status: Int
        let seconds: Double
        let id: String?
        /// Why there is no answer.
        let failure: String?
    }

    private(set) var answers: [Answer] = []
    private let mill: Mill
    private let ratePerSecond: Int

    init(on mill: Mill, ratePerSecond: Int) {
        self.mill = mill
        self.ratePerSecond = ratePerSecond
    }

    /// Submits until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            let start = ContinuousClock.now
            var sent = 0
            while !Task.isCancelled {
                group.addTask { await self.submitOne() }
                sent += 1
                let due = start + .seconds(1) * sent / ratePerSecond
                await pause(for: due - .now)
            }
        }
    }

    var accepted: [String] { answers.compactMap(\.id) }

    private func submitOne() async {
        let start = ContinuousClock.now
        let result = await Self.result {
            try await mill.request("POST", "/v1/jobs", #"{"kind":"diagnostics.echo","payload":{}}"#, timeout: 10)
        }
        let answer = try? result.get()
        // The load was ended, not the answer refused.
        if Task.isCancelled { return }
        let elapsed = ContinuousClock.now - start
        answers.append(
            Answer(
                sentAt: start, status: answer?.status ?? 0,
                seconds: Double(elapsed.components.seconds)
                    + Double(elapsed.components.attoseconds) / 1e18,
                id: answer?.status == 202 ? answer?.json["id"] as? String : nil,
                failure: result.failure))
    }

    private static func result<Value>(
        _ body: () async throws -> sending Value
    ) async -> sending Result<Value, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}

extension Result {
    fileprivate var failure: String? {
        if case .failure(let error) = self { "\(error)" } else { nil }
    }
}
