// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Writes what concurrent callers submit in shared batches.
///
/// A batch forms by itself while the one before is being committed; there is no timer, so a lone caller waits for nobody. At
/// most `writersMax` batches are under way. A caller that is cancelled leaves at once, but what it submitted is still written: it
/// may have been sent already.
///
/// Batches are written on an executor of the committer's owner, whoever submits: handlers that hog the cooperative pool hold up
/// nobody's submission.
///
/// Waiting work is bounded by weight; beyond it callers are told `.overloaded` at once.
package final class GroupCommitter<Item: Sendable, Answer: Sendable>: Sendable {
    package typealias Write = @Sendable ([Item]) async -> [Result<Answer, LedgerError>]

    private struct Waiting {
        let item: Item
        let weight: Int
        let caller: Caller
    }

    /// Gets one answer: that of the batch, or that it was cancelled, whichever comes first.
    private final class Caller: Sendable {
        private enum State {
            case coming
            case waiting(CheckedContinuation<Result<Answer, LedgerError>, Never>)
            case answered(Result<Answer, LedgerError>)
        }

        private let state = Mutex(State.coming)

        func wait(_ continuation: CheckedContinuation<Result<Answer, LedgerError>, Never>) {
            let answer: Result<Answer, LedgerError>? = state.withLock { state in
                if case .answered(let answer) = state { return answer }
                state = .waiting(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }

        func answer(_ answer: Result<Answer, LedgerError>) {
            let waiting: CheckedContinuation<Result<Answer, LedgerError>, Never>? = state.withLock { state in
                if case .answered = state { return nil }
                defer { state = .answered(answer) }
                return if case .waiting(let continuation) = state { continuation } else { nil }
            }
            waiting?.resume(returning: answer)
        }
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
    private let executor: any TaskExecutor
    private let write: Write

    /// - Parameters:
    ///   - batchWeightMax: a batch ends before the item that would exceed it; a heavier item goes alone.
    ///   - executor: what batches are written on.
    ///   - write: answers each item, in order.
    package init(
        batchWeightMax: Int, waitingWeightMax: Int, writersMax: Int, executor: any TaskExecutor, write: @escaping Write
    ) {
        self.batchWeightMax = batchWeightMax
        self.waitingWeightMax = waitingWeightMax
        self.writersMax = writersMax
        self.executor = executor
        self.write = write
    }

    /// - Throws: `.overloaded`: nothing is written; `.cancelled`: it is sent, sooner or later; and what `write` answers.
    package func submit(
        _ item: Item, weight: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws(LedgerError) -> Answer {
        let caller = Caller()
        let result = await withTaskCancellationHandler {
            // Only a closure that captures the isolation stays on the caller's executor.
            _ = isolation
            return await withCheckedContinuation { continuation in
                if admit(Waiting(item: item, weight: weight, caller: caller)) {
                    caller.wait(continuation)
                    startWriter()
                } else {
                    continuation.resume(
                        returning: .failure(
                            LedgerError(.overloaded, "over \(waitingWeightMax) jobs wait to be written")))
                }
            }
        } onCancel: {
            caller.answer(
                .failure(LedgerError(.cancelled, "the caller was cancelled; what it submitted may be written")))
        }
        return try result.get()
    }

    private func admit(_ waiting: Waiting) -> Bool {
        state.withLock { state in
            guard state.waiting.isEmpty || state.waitingWeight + waiting.weight <= waitingWeightMax else {
                return false
            }
            state.waiting.append(waiting)
            state.waitingWeight += waiting.weight
            return true
        }
    }

    private func startWriter() {
        let mayStart = state.withLock { state in
            guard state.writers < writersMax, !state.waiting.isEmpty else { return false }
            state.writers += 1
            return true
        }
        guard mayStart else { return }
        // A writer serves many callers and must outlive the one that started it; it ends when nothing waits.
        Task(executorPreference: executor) { await self.drain() }
    }

    private func drain() async {
        while let batch = takeBatch() {
            let answers = await write(batch.map(\.item))
            precondition(answers.count == batch.count, "one answer per item")
            for (waiting, answer) in zip(batch, answers) { waiting.caller.answer(answer) }
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
