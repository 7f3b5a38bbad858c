// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// One caller's wait for one reply. It ends once: by a reply, an error, or the caller's cancellation, whichever is
/// first.
///
/// RESP replies carry no ids, only their order counts: the call of a cancelled caller stays in its place, and its reply
/// is dropped.
final class RedisCall: Sendable {
    typealias Outcome = Result<RedisReply, RedisError>

    private enum Waiter {
        case continuation(CheckedContinuation<Outcome, Never>)
        case promise(EventLoopPromise<RedisReply>)
    }

    private enum State {
        case idle
        case waiting(Waiter)
        case ended
    }

    /// The command's name, for messages.
    let label: String
    /// How long Redis may take to answer.
    let timeout: TimeAmount

    private let state: Mutex<State>

    init(label: String, timeout: Duration) {
        self.label = label
        self.timeout = TimeAmount(timeout)
        self.state = Mutex(.idle)
    }

    init(label: String, timeout: Duration, promise: EventLoopPromise<RedisReply>) {
        self.label = label
        self.timeout = TimeAmount(timeout)
        self.state = Mutex(.waiting(.promise(promise)))
    }

    /// Whether nobody waits any more.
    var hasEnded: Bool {
        state.withLock { if case .ended = $0 { true } else { false } }
    }

    /// Runs `submit` and waits for the outcome. A cancelled caller returns at once with `.cancelled`; `onCancel` runs
    /// then too.
    ///
    /// A suspended task comes back by way of its task executor, else of Swift's threads, even when its actor has an
    /// executor of its own (so in Swift 6.3): only a task with an event loop as its preferred executor is independent of
    /// those.
    func outcome(
        isolation: isolated (any Actor)? = #isolation, onCancel: @escaping @Sendable () -> Void = {},
        afterSubmitting submit: () -> Void
    ) async throws(RedisError) -> RedisReply {
        let outcome: Outcome = await withTaskCancellationHandler {
            // Only a closure that captures the isolation stays on its executor: that saves a hop.
            _ = isolation
            return await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard case .idle = state else { return false }
                    state = .waiting(.continuation(continuation))
                    return true
                }
                if isWaiting { submit() } else { continuation.resume(returning: .failure(cancellation)) }
            }
        } onCancel: {
            end(.failure(cancellation))
            onCancel()
        }
        return try outcome.get()
    }

    /// Hands the reply to the caller; an error reply is thrown.
    func end(reply: RedisReply) {
        if case .error(let text) = reply {
            end(.failure(RedisError(reply: text, to: label)))
        } else {
            end(.success(reply))
        }
    }

    func end(_ outcome: Outcome) {
        let waiter: Waiter? = state.withLock { state in
            defer { state = .ended }
            if case .waiting(let waiter) = state { return waiter }
            return nil
        }
        switch waiter {
        case .continuation(let continuation): continuation.resume(returning: outcome)
        case .promise(let promise): promise.completeWith(outcome.mapError { $0 as any Error })
        case nil: break
        }
    }

    private var cancellation: RedisError {
        RedisError(.cancelled, "\(label): cancelled by the caller; if it was sent, it may have run")
    }
}
