// SPDX-License-Identifier: Apache-2.0

/// Begins nothing when the caller was cancelled, and sees through what was begun: a write that was abandoned could reach
/// its store after the cleaning up.
func seenThrough<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try Task.checkCancellation()
    // Not a child, which a cancellation would reach; awaited on the next line.
    let task = Task { try await body() }
    return try await task.value
}
