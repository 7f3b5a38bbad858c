// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The end of a connection's pipeline: writes commands, matches replies to calls in their order, and watches the
/// deadlines.
///
/// A command is *sent* once it was handed to the channel. When the connection ends, sent commands end with
/// `.outcomeUnknown`, all others with `.unavailable`. A sent command that is not answered within its deadline ends the
/// connection: the replies behind it would be late too, and a Redis that hangs is not to be waited for.
///
/// One timer serves all deadlines: it is set to the earliest one seen, and looks at all calls when it fires. With equal
/// deadlines that is once per deadline, not once per command.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct SentCall {
        let call: RedisCall
        let deadline: NIODeadline
    }

    private struct UnsentCommand {
        let entry: QueuedCommand
        let deadline: NIODeadline
    }

    /// How much is encoded before it is handed to the channel.
    private static let writeBytes = 256 << 10

    /// Takes every reply, once it is set: for subscriptions, whose messages answer no command.
    var onPush: ((RedisReply) -> Void)?

    private let mailbox: RedisMailbox
    private let eventLoop: NIOIsolatedEventLoop
    private let parser: ReplyParser
    private var context: ChannelHandlerContext?
    private var drained: [QueuedCommand] = []
    private var answered: [(call: RedisCall, reply: RedisReply)] = []
    private var unsent = CircularBuffer<UnsentCommand>()
    private var sent = CircularBuffer<SentCall>()
    private var buffer = ByteBuffer()
    private var isWriting = false
    private var isRetiring = false
    private var hasTerminated = false
    private var deadlineTimer: Scheduled<Void>?
    private var nextDeadline = NIODeadline.distantFuture

    /// Must be called on `eventLoop`.
    init(mailbox: RedisMailbox, eventLoop: any EventLoop) throws(RedisError) {
        self.mailbox = mailbox
        self.eventLoop = eventLoop.assumeIsolated()
        self.parser = try ReplyParser()
    }

    // MARK: Commands

    /// Writes what is in the mailbox, as far as the channel takes it.
    func drainMailbox() {
        mailbox.drain(into: &drained)
        let now = NIODeadline.now()
        var earliest = NIODeadline.distantFuture
        for entry in drained {
            let deadline = now + entry.call.timeout
            earliest = min(earliest, deadline)
            unsent.append(UnsentCommand(entry: entry, deadline: deadline))
        }
        drained.removeAll(keepingCapacity: true)
        watch(for: earliest)
        writeUnsent()
    }

    /// Writes a command whose replies go to ``onPush``.
    func writePush(_ command: RedisCommand) {
        guard let context, !hasTerminated else { return }
        var buffer = ByteBuffer()
        command.encode(into: &buffer, byteCountMax: command.byteCountMax)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func writeUnsent() {
        // Writing may call back into this handler, when the channel's writability changes.
        guard let context, !isWriting, !hasTerminated else { return }
        isWriting = true
        defer { isWriting = false }
        var dropped = 0
        var bytes = 0
        while !unsent.isEmpty, context.channel.isWritable {
            buffer.clear()
            while buffer.readableBytes < Self.writeBytes, let next = unsent.popFirst() {
                bytes += next.entry.byteCountMax
                guard !next.entry.call.hasEnded else {
                    dropped += 1
                    continue
                }
                next.entry.command.encode(into: &buffer, byteCountMax: next.entry.byteCountMax)
                sent.append(SentCall(call: next.entry.call, deadline: next.deadline))
            }
            if buffer.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(buffer), promise: nil) }
            // One huge command must not keep its memory for good.
            if buffer.capacity > 4 * Self.writeBytes { buffer = ByteBuffer() }
        }
        mailbox.settle(commands: dropped, bytes: bytes)
    }

    // MARK: Replies

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasTerminated else { return }
        var failure: RedisError?
        var refusal: RedisError?
        do throws(RedisError) {
            try parser.feed(unwrapInboundIn(data))
            while !hasTerminated, let reply = try parser.next() {
                if let onPush {
                    onPush(reply)
                    continue
                }
                guard let next = sent.popFirst() else { throw unasked(reply) }
                if case .error(let text) = reply { refusal = Self.reasonToRetire(text) ?? refusal }
                answered.append((next.call, reply))
            }
        } catch {
            failure = error
        }
        endAnswered()
        if let failure { terminate(failure) }
        if let refusal { retire(refusal) }
        closeIfRetired()
    }

    /// Makes room first, so that a caller that goes on at once finds it.
    private func endAnswered() {
        mailbox.settle(commands: answered.count)
        for (call, reply) in answered { call.end(reply: reply) }
        answered.removeAll(keepingCapacity: true)
    }

    /// Redis refuses new connections ("max number of clients reached") with an error that answers no command.
    private func unasked(_ reply: RedisReply) -> RedisError {
        if case .error(let text) = reply { return RedisError(reply: text, to: "connection") }
        return RedisError(.protocolViolation, "a reply came that no command had asked for")
    }

    /// A replica, or one without its master: whoever resolves the name again may find the master.
    private static func reasonToRetire(_ text: String) -> RedisError? {
        let code = RedisError.Code(reply: text)
        return code == .readOnly || code == .masterDown ? RedisError(code, "this Redis is no master now: \(code)") : nil
    }

    // MARK: Deadlines

    private func watch(for deadline: NIODeadline) {
        guard deadline < nextDeadline, !hasTerminated else { return }
        deadlineTimer?.cancel()
        nextDeadline = deadline
        deadlineTimer = eventLoop.scheduleTask(deadline: deadline) { self.checkDeadlines() }
    }

    private func checkDeadlines() {
        nextDeadline = .distantFuture
        let now = NIODeadline.now()
        if let late = sent.first(where: { $0.deadline <= now }) {
            let milliseconds = (late.call.timeout.nanoseconds + 999_999) / 1_000_000
            return terminate(
                RedisError(.unavailable, "Redis did not answer \(late.call.label) within \(milliseconds) ms"))
        }
        var kept = CircularBuffer<UnsentCommand>()
        var expired: [QueuedCommand] = []
        for command in unsent {
            if command.deadline <= now { expired.append(command.entry) } else { kept.append(command) }
        }
        unsent = kept
        for entry in expired {
            let message = "\(entry.call.label): not sent within its deadline, the connection is congested"
            entry.call.end(.failure(RedisError(.unavailable, message)))
        }
        mailbox.settle(commands: expired.count, bytes: expired.reduce(0) { $0 + $1.byteCountMax })
        let earliest = min(
            sent.lazy.map(\.deadline).min() ?? .distantFuture, unsent.lazy.map(\.deadline).min() ?? .distantFuture)
        watch(for: earliest)
    }

    // MARK: The end

    /// Takes no more commands, and closes once those sent are answered.
    func retire(_ reason: RedisError) {
        guard !isRetiring, !hasTerminated else { return }
        isRetiring = true
        refuseUnsent(reason)
        closeIfRetired()
    }

    /// Ends all commands and closes the channel.
    func terminate(_ reason: RedisError) {
        guard !hasTerminated else { return }
        hasTerminated = true
        deadlineTimer?.cancel()
        deadlineTimer = nil
        onPush = nil
        refuseUnsent(reason)
        let lost = sent
        sent = CircularBuffer()
        for one in lost {
            let message = "\(one.call.label): sent, it may have run; \(reason.message)"
            one.call.end(.failure(RedisError(.outcomeUnknown, message, underlying: reason.code)))
        }
        context?.close(promise: nil)
    }

    private func refuseUnsent(_ reason: RedisError) {
        let refused = unsent.map(\.entry) + mailbox.close(reason)
        unsent = CircularBuffer()
        for entry in refused {
            let message = "\(entry.call.label): not sent, \(reason.message)"
            entry.call.end(.failure(RedisError(.unavailable, message, underlying: reason.code)))
        }
    }

    private func closeIfRetired() {
        guard isRetiring, sent.isEmpty else { return }
        terminate(mailbox.closedBy ?? RedisError(.unavailable, "connection closed"))
    }
}

// MARK: Channel events

extension RedisChannelHandler {
    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        terminate(RedisError(.unavailable, "connection closed"))
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        terminate(RedisError(.unavailable, "connection closed by Redis"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        terminate(error as? RedisError ?? RedisError(.unavailable, "connection broken: \(RedisError.words(of: error))"))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { writeUnsent() }
        context.fireChannelWritabilityChanged()
    }
}
