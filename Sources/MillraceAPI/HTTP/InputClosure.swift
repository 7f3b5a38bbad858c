// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Tells those who answer a request that its client has gone.
package final class InputClosure: Sendable {
    private struct State {
        var isClosed = false
        var nextNumber: UInt64 = 0
        var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            defer { state.watchers = [:] }
            return state.watchers
        }
        for watcher in watchers.values { watcher.finish() }
    }

    /// Runs an operation, whose task is cancelled when the client goes; returns what it returns, then too.
    func watching<Value: Sendable>(_ operation: @escaping @Sendable () async -> Value) async -> Value? {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await operation() }
            group.addTask {
                await self.closed()
                return nil
            }
            var answer: Value?
            while let next = await group.next() {
                if let next { answer = next }
                group.cancelAll()
            }
            return answer
        }
    }

    /// Returns when the client has gone, or this task is cancelled.
    private func closed() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let number: UInt64? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextNumber += 1
            state.watchers[state.nextNumber] = continuation
            return state.nextNumber
        }
        guard let number else { return }
        for await _ in stream {}
        state.withLock { _ = $0.watchers.removeValue(forKey: number) }
    }
}
