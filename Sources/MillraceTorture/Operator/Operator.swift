// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Somebody who pauses queues, cancels jobs, and retries what has ended, while everything around fails; keeps a journal as clients do.
struct Operator: Sendable {
    let stores: Stores
    let queues: [String]
    let seed: UInt64
    /// One for each API; each request goes to another one.
    let apis: [APIClient]
    let journal: ClientJournal

    /// Works until it is cancelled; then no queue is paused.
    func run() async {
        var generator = SeededGenerator(seed: seed ^ 0x6F70_6572_6174_6F72)
        var number = 0
        while !Task.isCancelled {
            number += 1
            let api = apis[number % apis.count]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: await pauseQueue(api, &generator)
            case 1..<3: await cancelOne(api, &generator)
            default: await retryOne(api, &generator)
            }
            await pause(.milliseconds(Int.random(in: 200...800, using: &generator)))
        }
        for api in apis { try? await api.shutdown() }
    }

    /// Of the newest that have ended: of some of them Redis has not heard yet.
    private func retryOne(_ api: APIClient, _ generator: inout SeededGenerator) async {
        let state = ["completed", "completed", "cancelled", "dead"].randomElement(using: &generator) ?? "completed"
        let ended = await api.get("/v1/jobs?state=\(state)&limit=50")
        guard let id = ended?.ids?.randomElement(using: &generator) else { return }
        journal.note(.retried(id: id, status: 0))
        guard let answer = await api.post("/v1/jobs/\(id)/retry") else { return }
        journal.note(.retried(id: id, status: answer.status))
    }

    private func cancelOne(_ api: APIClient, _ generator: inout SeededGenerator) async {
        let state = ["running", "ready", "scheduled"].randomElement(using: &generator) ?? "running"
        let found = await api.get("/v1/jobs?state=\(state)&limit=20")
        guard let id = found?.ids?.randomElement(using: &generator) else { return }
        journal.note(.cancelled(id: id, status: 0))
        guard let answer = await api.post("/v1/jobs/\(id)/cancel") else { return }
        journal.note(.cancelled(id: id, status: answer.status))
    }

    /// What was answered counts: the queue is paused from the answer to its pause until its resumption is asked for.
    private func pauseQueue(_ api: APIClient, _ generator: inout SeededGenerator) async {
        guard let queue = queues.randomElement(using: &generator) else { return }
        let answer = await api.post("/v1/queues/\(queue)/pause")
        let from = answer?.status == 200 ? await ledgerTime() : nil
        await pause(.milliseconds(Int.random(in: 200...1500, using: &generator)))
        if let from, let to = await ledgerTime() { journal.note(.paused(queue: queue, from: from, to: to)) }
        // Also after a cancellation, and whatever the answer to the pause was.
        let resuming = Task {
            while await api.post("/v1/queues/\(queue)/resume")?.status != 200 {
                await pause(.milliseconds(250))
            }
        }
        await resuming.value
    }

    private func ledgerTime() async -> Int? {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        return (try? await stores.rows(sql, within: 5).first).flatMap { Int($0) }
    }
}
