// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// A command on its way to a connection.
struct QueuedCommand: Sendable {
    let command: RedisCommand
    let call: RedisCall
    /// An upper bound of its encoded size.
    let byteCountMax: Int

    init(_ command: RedisCommand, _ call: RedisCall) {
        self.command = command
        self.call = call
        self.byteCountMax = command.byteCountMax
    }
}

/// Where callers on any thread leave commands for a connection's event loop, and where the bounds are kept.
///
/// The first command after a drain is told to wake the event loop; what arrives until it runs goes out with it.
final class RedisMailbox: Sendable {
    enum Admission {
        /// Queued; a drain is on its way.
        case queued
        /// Queued; the caller must schedule a drain.
        case queuedFirst
        case refused(RedisError)
    }

    private struct State {
        var queued: [QueuedCommand] = []
        var isDrainScheduled = false
        var pendingCommands = 0
        var queuedBytes = 0
        var closedBy: RedisError?
    }

    private let pendingCommandsMax: Int
    private let queuedBytesMax: Int
    private let state = Mutex(State())

    init(pendingCommandsMax: Int, queuedBytesMax: Int) {
        self.pendingCommandsMax = pendingCommandsMax
        self.queuedBytesMax = queuedBytesMax
    }

    /// Why nothing is taken any more; nil while open.
    var closedBy: RedisError? { state.withLock { $0.closedBy } }

    func admit(_ entry: QueuedCommand) -> Admission {
        state.withLock { state in
            if let reason = state.closedBy {
                let message = "\(entry.call.label): not sent, \(reason.message)"
                return .refused(RedisError(.unavailable, message, underlying: reason.code))
            }
            guard entry.call.timeout > .nanoseconds(0) else {
                // Sent, it would pass its deadline at once and end the connection for all its callers.
                return .refused(RedisError(.unavailable, "\(entry.call.label): not sent, its deadline has passed"))
            }
            guard state.pendingCommands < pendingCommandsMax else {
                let message =
                    "\(entry.call.label): \(state.pendingCommands) commands are pending, \(pendingCommandsMax) may be"
                return .refused(RedisError(.overloaded, message))
            }
            guard state.queuedBytes + entry.byteCountMax <= queuedBytesMax else {
                let sizes = "\(entry.byteCountMax) bytes on top of \(state.queuedBytes)"
                let message = "\(entry.call.label): \(sizes) would be queued, \(queuedBytesMax) may be"
                return .refused(RedisError(.overloaded, message))
            }
            state.pendingCommands += 1
            state.queuedBytes += entry.byteCountMax
            state.queued.append(entry)
            if state.isDrainScheduled { return .queued }
            state.isDrainScheduled = true
            return .queuedFirst
        }
    }

    /// Swaps the queued commands with the empty array given, whose storage is used again.
    func drain(into batch: inout [QueuedCommand]) {
        state.withLock { state in
            swap(&state.queued, &batch)
            state.isDrainScheduled = false
        }
    }

    /// Makes room: commands that were answered or dropped, bytes that were written or dropped.
    func settle(commands: Int = 0, bytes: Int = 0) {
        guard commands != 0 || bytes != 0 else { return }
        state.withLock { state in
            state.pendingCommands -= commands
            state.queuedBytes -= bytes
        }
    }

    /// Takes no more commands; returns those that nobody has drained.
    func close(_ reason: RedisError) -> [QueuedCommand] {
        state.withLock { state in
            if state.closedBy == nil { state.closedBy = reason }
            defer { state.queued = [] }
            return state.queued
        }
    }
}
