// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Writes what concurrent callers submit in shared batches.
///
/// A batch forms by itself while the one before is being committed; there is no timer, so a lone caller waits for nobody. At
/// most `writersMax` batches are under way. A caller that is cancelled leaves, but what it submitted is still written: it may
/// have been sent already.
///
/// Waiting work is bounded by weight; beyond it callers are told `.overloaded` at once.
package final class GroupCommitter<Item: Sendable, Answer: Sendable>: Sendable {
    package typealias Write = @Sendable ([Item]) async -> [Result<Answer, LedgerError>]

    private struct Waiting {
        let item: Item
        let weight: Int
        let continuation: CheckedContinuation<Result<Answer, LedgerError>, Never>
    }

    private struct State {
        var waiting: [Waiting] = []
        var waitingWeight = 0
        var writers = 0
    }

    private let state = Mutex(State())
    private let batchWeightMax: Int
    private let waitingWeightMax: Int
    private let writersMax: Int
    private let write: Write

    /// - Parameters:
    ///   - batchWeightMax: a batch ends before the item that would exceed it; a heavier item goes alone.
    ///   - write: answers each item, in order.
    package init(batchWeightMax: Int, waitingWeightMax: Int, writersMax: Int, write: @escaping Write) {
        self.batchWeightMax = batchWeightMax
        self.waitingWeightMax = waitingWeightMax
        self.writersMax = writersMax
        self.write = write
    }

    package func submit(_ item: Item, weight: Int) async throws(LedgerError) -> Answer {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Answer, LedgerError>, Never>) in
            let isAdmitted = state.withLock { state in
                guard state.waiting.isEmpty || state.waitingWeight + weight <= waitingWeightMax else { return false }
                state.waiting.append(Waiting(item: item, weight: weight, continuation: continuation))
                state.waitingWeight += weight
                return true
            }
            if isAdmitted {
                startWriter()
            } else {
                continuation.resume(
                    returning: .failure(LedgerError(.overloaded, "over \(waitingWeightMax) jobs wait to be written")))
            }
        }
        return try result.get()
    }

    private func startWriter() {
        let mayStart = state.withLock { state in
            guard state.writers < writersMax, !state.waiting.isEmpty else { return false }
            state.writers += 1
            return true
        }
        guard mayStart else { return }
        // A writer serves many callers and must outlive the one that started it; it ends when nothing waits.
        Task { await self.drain() }
    }

    private func drain() async {
        while let batch = takeBatch() {
            let answers = await write(batch.map(\.item))
            precondition(answers.count == batch.count, "one answer per item")
            for (waiting, answer) in zip(batch, answers) { waiting.continuation.resume(returning: answer) }
        }
    }

    /// The next batch; nil ends the writer, under the same lock, so that no item is left behind.
    private func takeBatch() -> [Waiting]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.writers -= 1
                return nil
            }
            var weight = 0
            var count = 0
            for waiting in state.waiting {
                if count > 0, weight + waiting.weight > batchWeightMax { break }
                weight += waiting.weight
                count += 1
            }
            let batch = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            state.waitingWeight -= weight
            return batch
        }
    }
}
