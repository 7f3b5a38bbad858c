// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Submits jobs one by one at a steady rate, and notes every answer.
actor SteadyLoad {
    struct Answer: Sendable {
        let sentAt: ContinuousClock.Instant
        let status: Int
        let seconds: Double
        let id: String?
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
        let answer = try? await mill.request(
            "POST", "/v1/jobs", #"{"kind":"diagnostics.echo","payload":{}}"#, timeout: 10)
        // The load was ended, not the answer refused.
        if Task.isCancelled { return }
        let elapsed = ContinuousClock.now - start
        answers.append(
            Answer(
                sentAt: start, status: answer?.status ?? 0,
                seconds: Double(elapsed.components.seconds)
                    + Double(elapsed.components.attoseconds) / 1e18,
                id: answer?.status == 202 ? answer?.json["id"] as? String : nil))
    }
}
