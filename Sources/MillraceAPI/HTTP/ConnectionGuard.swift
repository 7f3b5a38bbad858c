// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Bounds how long a connection may take for one request, and tells when its client has gone.
///
/// Hummingbird's idle time-out begins anew with each piece of a body and rests while an answer is under way, so a
/// client that sends or reads a byte now and then would hold its connection for ever. Here a body has one deadline as a
/// whole, and so has the writing of an answer. Where a long body is expected, its deadline moves on with each byte that
/// came, so that it is bounded by a rate: an upload over a slow line is fine, one that drips is not. After an answer that says `Connection: close` the connection is closed,
/// but not while the client is still sending: that would reset the connection, and the client would lose the answer.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// The body did not arrive in time.
    struct BodyTooSlow: Error {}

    /// For reading on, and dropping, what comes after the last answer.
    private static let lingering: TimeAmount = .seconds(2)

    let inputClosure = InputClosure()
    private let bodyDeadline: TimeAmount
    /// Bytes each second that a long body has to have on the whole, once `bodyDeadline` is over.
    private let bodyRateMin: Int
    private let answerDeadline: TimeAmount
    private var isReadingRequest = false
    private var isLongBody = false
    private var bodyStart: NIODeadline = .distantPast
    private var bodyBytes = 0
    /// The request being read, or read last, says `Connection: close`.
    private var isLastWished = false
    /// The answer being written, or written last, is the last on this connection.
    private var isLast = false
    private var isLastWritten = false
    /// Of the answer being written, or written last. With pipelining one may be under way to the kernel while the next
    /// begins.
    private var answerNumber = 0
    private var bodyTimer: Scheduled<Void>?
    private var answerTimer: Scheduled<Void>?

    init(bodyDeadline: TimeAmount, bodyRateMin: Int, answerDeadline: TimeAmount) {
        self.bodyDeadline = bodyDeadline
        self.bodyRateMin = bodyRateMin
        self.answerDeadline = answerDeadline
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isReadingRequest = true
            isLongBody = false
            bodyStart = .now()
            bodyBytes = 0
            isLastWished = head.headerFields[.connection]?.lowercased() == "close"
            bodyTimer?.cancel()
            bodyTimer = schedule(bodyDeadline, context) { $0.bodyIsLate($1) }
        case .body(let piece): bodyBytes += piece.readableBytes
        case .end:
            isReadingRequest = false
            bodyTimer?.cancel()
            if isLastWritten { context.close(promise: nil) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational: break
        case .head(let head):
            isLast = isLastWished || head.headerFields[.connection] == "close"
            answerNumber += 1
            answerTimer?.cancel()
            answerTimer = schedule(answerDeadline, context) { $1.close(promise: nil) }
        case .body: break
        case .end:
            let promise = promise ?? context.eventLoop.makePromise()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            promise.futureResult.whenComplete { [answerNumber] _ in
                let (handler, context) = bound.value
                if handler.answerNumber == answerNumber { handler.answerIsWritten(context) }
            }
            context.write(data, promise: promise)
            return
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { inputClosure.close() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
    }

    private func stop() {
        bodyTimer?.cancel()
        answerTimer?.cancel()
        inputClosure.close()
    }

    private func bodyIsLate(_ context: ChannelHandlerContext) {
        guard isReadingRequest else { return }
        if isLongBody {
            let gained = TimeAmount.milliseconds(Int64(bodyBytes) * 1000 / Int64(bodyRateMin))
            let left = bodyStart + bodyDeadline + gained - .now()
            // Not for every byte: a second is nothing to a body of minutes.
            if left > .zero {
                bodyTimer = schedule(max(left, .seconds(1)), context) { $0.bodyIsLate($1) }
                return
            }
        }
        context.fireErrorCaught(BodyTooSlow())
        // Long enough for the answer that the error brings about; it closes the connection earlier.
        bodyTimer = schedule(Self.lingering, context) { $1.close(promise: nil) }
    }

    private func answerIsWritten(_ context: ChannelHandlerContext) {
        answerTimer?.cancel()
        guard isLast else { return }
        isLastWritten = true
        if isReadingRequest {
            bodyTimer?.cancel()
            bodyTimer = schedule(Self.lingering, context) { $1.close(promise: nil) }
        } else {
            context.close(promise: nil)
        }
    }

    private func schedule(
        _ delay: TimeAmount, _ context: ChannelHandlerContext,
        _ act: @escaping @Sendable (ConnectionGuard, ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        return context.eventLoop.scheduleTask(in: delay) {
            let (handler, context) = bound.value
            act(handler, context)
        }
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

extension ConnectionGuard {
    /// A connection as those who answer its requests reach it.
    struct Remote: Sendable {
        private let channel: any Channel

        init(_ channel: any Channel) {
            self.channel = channel
        }

        /// Lets the body of the request being read take longer than others.
        func expectLongBody() async {
            let done = channel.eventLoop.submit {
                try channel.pipeline.syncOperations.handler(type: ConnectionGuard.self).isLongBody = true
            }
            // Without the guard the connection is gone, as reading from it will tell.
            try? await done.get()
        }

        /// Tells a client that waits for it to send the body.
        func continueBody() {
            channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
        }

        func inputClosure() async -> InputClosure? {
            let found = channel.eventLoop.submit {
                try channel.pipeline.syncOperations.handler(type: ConnectionGuard.self).inputClosure
            }
            return try? await found.get()
        }
    }
}
