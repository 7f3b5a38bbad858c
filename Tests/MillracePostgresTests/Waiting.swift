// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Lets a connection's own thread wait for what happens elsewhere, in the midst of a transaction.
enum Waiting {
    static func result<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let result = Shared<Result<Value, any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        // The thread that waits for it is blocked and can be no task's parent.
        Task {
            do {
                let value = try await body()
                result.value = .success(value)
            } catch {
                result.value = .failure(error)
            }
            isDone.signal()
        }
        isDone.wait()
        guard let outcome = result.value else { throw CancellationError() }
        return try outcome.get()
    }
}

/// A value that several tasks look at and change.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    func change(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}
