// SPDX-License-Identifier: Apache-2.0

/// `withTaskCancellationHandler`, without leaving the caller's executor.
///
/// The standard library's takes a closure that is not bound to the caller: from a `nonisolated(nonsending)` function it runs on
/// the cooperative pool, and waits there for as long as handlers hog it. A closure that captures the isolation is bound.
func withCallerCancellationHandler<Value>(
    isolation: isolated (any Actor)? = #isolation, _ operation: nonisolated(nonsending) () async -> Value,
    onCancel: @Sendable () -> Void
) async -> Value {
    await withTaskCancellationHandler {
        _ = isolation
        return await operation()
    } onCancel: {
        onCancel()
    }
}
