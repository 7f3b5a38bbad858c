// SPDX-License-Identifier: Apache-2.0

/// How many jobs had ended when, and from it how long after each fault the mill was at its usual pace again.
actor Throughput {
    private var samples: [(at: ContinuousClock.Instant, ended: Int)] = []

    func add(_ ended: Int) { samples.append((.now, ended)) }

    /// The time until as many jobs a second end again; nil when they did not.
    func recovery(after instant: ContinuousClock.Instant, to rate: Double) -> Duration? {
        rates().first { $0.at > instant && $0.rate >= rate }.map { $0.at - instant }
    }

    private func rates() -> [(at: ContinuousClock.Instant, rate: Double)] {
        zip(samples, samples.dropFirst()).map { before, after in
            let elapsed = after.at - before.at
            let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
            return (after.at, Double(after.ended - before.ended) / max(seconds, 0.001))
        }
    }
}
