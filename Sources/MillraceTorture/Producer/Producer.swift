// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A client: submits its share of the jobs in batches at a steady rate, and repeats what was not answered, with the same
/// idempotency key, as clients should; one batch in twenty it gives up, as clients do. Jobs of durability `redis` have no such key,
/// which would make them durable: those it submits once, and never again.
struct Producer: Sendable {
    let serials: Range<Int>
    let ratePerSecond: Int
    let seed: UInt64
    let mix: JobMix
    let journal: ClientJournal
    let api: APIClient
    /// First numbers of the batches that it had ended with when it was killed.
    let ended: Set<Int>

    private static let batchSize = 50
    private static let inFlightMax = 8
    private static let triesMax = 120

    func run() async {
        // What is refused before the API listens says nothing of it.
        _ = await eventually(within: .seconds(30)) { await api.get("/readyz")?.status == 200 }
        await withTaskGroup(of: Void.self) { group in
            let start = ContinuousClock.now
            var sent = 0
            var inFlight = 0
            for first in stride(from: serials.lowerBound, to: serials.upperBound, by: Self.batchSize)
            where !ended.contains(first) {
                let batch = first..<min(first + Self.batchSize, serials.upperBound)
                await pause(start + .seconds(1) * sent / ratePerSecond - .now)
                if inFlight == Self.inFlightMax {
                    await group.next()
                    inFlight -= 1
                }
                group.addTask { await self.submit(batch) }
                inFlight += 1
                sent += batch.count
            }
        }
    }

    private func submit(_ batch: Range<Int>) async {
        var generator = SeededGenerator(seed: ~seed, of: batch.lowerBound)
        let isEntrusted = mix.isEntrusted(batch.lowerBound)
        let body = "[" + batch.map { mix.json($0, isEntrusted: isEntrusted) }.joined(separator: ",") + "]"
        let triesMax = isEntrusted || Int.random(in: 0..<20, using: &generator) == 0 ? 1 : Self.triesMax
        if isEntrusted {
            journal.note(.entrusted(first: batch.lowerBound, count: batch.count, at: wallMicroseconds()))
        } else {
            journal.note(.invoked(first: batch.lowerBound, count: batch.count))
        }
        guard let ids = await accepted(batch, body, hasKey: !isEntrusted, triesMax: triesMax) else { return }
        journal.note(.accepted(first: batch.lowerBound, ids: ids))
        if !isEntrusted, Int.random(in: 0..<20, using: &generator) == 0 {
            let again = await accepted(batch, body, hasKey: true, triesMax: 20, isRepetition: true)
            if let again { journal.note(.repeated(first: batch.lowerBound, isSame: again == ids)) }
        }
        if Int.random(in: 0..<8, using: &generator) == 0, let id = ids.randomElement(using: &generator) {
            journal.note(.cancelled(id: id, status: 0))
            let answer = await api.post("/v1/jobs/\(id)/cancel")
            if let answer { journal.note(.cancelled(id: id, status: answer.status)) }
        }
    }

    /// The ids that the API answered; nil when it refused, or did not answer.
    private func accepted(
        _ batch: Range<Int>, _ body: String, hasKey: Bool, triesMax: Int, isRepetition: Bool = false
    ) async -> [String]? {
        for attempt in 0..<triesMax {
            if attempt > 0 { await pause(.milliseconds(250)) }
            let key = hasKey ? "torture-\(seed)-\(batch.lowerBound)" : nil
            let answer = await api.post("/v1/jobs:batch", body, key: key)
            guard let answer else { continue }
            if answer.status == 202, let ids = answer.ids, ids.count == batch.count { return ids }
            // In flight, too many, or a store is away: to be asked again. Whether a 503 was carried out is not known.
            if answer.status == 409 || answer.status == 429 || answer.status >= 500 { continue }
            if !isRepetition {
                journal.note(.refused(first: batch.lowerBound, count: batch.count, status: answer.status))
            }
            return nil
        }
        if !isRepetition { journal.note(.unknown(first: batch.lowerBound, count: batch.count)) }
        return nil
    }
}
