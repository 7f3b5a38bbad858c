// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// One connection that many callers share.
///
/// Commands that arrive during one turn of the event loop go out in one write; replies come back in order. It does not
/// reconnect: ``RedisClient`` does.
final class RedisConnection: Sendable {
    let eventLoop: any EventLoop
    /// Succeeds when the connection is closed, for whatever reason; ``closedBy`` is set by then.
    let closeFuture: EventLoopFuture<Void>

    private let mailbox: RedisMailbox
    private let handler: NIOLoopBound<RedisChannelHandler>

    /// Must be called on the channel's event loop.
    init(channel: any Channel, handler: RedisChannelHandler, mailbox: RedisMailbox) {
        self.eventLoop = channel.eventLoop
        self.closeFuture = channel.closeFuture
        self.mailbox = mailbox
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Why it takes no more commands; nil while it does.
    var closedBy: RedisError? { mailbox.closedBy }

    /// Queues a command from any thread. The call is ended in any case.
    func submit(_ entry: QueuedCommand) {
        switch mailbox.admit(entry) {
        case .queued: break
        case .queuedFirst: eventLoop.execute { self.handler.value.drainMailbox() }
        case .refused(let error): entry.call.end(.failure(error))
        }
    }

    func submit(_ command: RedisCommand, deadline: Duration) -> EventLoopFuture<RedisReply> {
        let promise = eventLoop.makePromise(of: RedisReply.self)
        submit(QueuedCommand(command, RedisCall(label: command.label, timeout: deadline, promise: promise)))
        return promise.futureResult
    }

    /// Takes no more commands, and closes once those sent are answered or their deadline has passed.
    func retire(_ reason: RedisError) {
        eventLoop.execute { self.handler.value.retire(reason) }
    }

    /// Closes at once: commands sent end with `.outcomeUnknown`.
    func terminate(_ reason: RedisError) {
        eventLoop.execute { self.handler.value.terminate(reason) }
    }

    /// From now on every reply goes to `sink`. Must be called on the event loop.
    func beginPush(_ sink: @escaping (RedisReply) -> Void) { handler.value.onPush = sink }

    /// Writes a command whose replies go to the sink. Must be called on the event loop.
    func writePush(_ command: RedisCommand) { handler.value.writePush(command) }
}
