// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging
import Millrace
import NIOCore

/// Answers every request: finds its route, turns problems into documents, and logs one line.
struct Responder: HTTPResponder {
    struct Context: InitializableFromSource, Sendable {
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            channel = source.channel
        }
    }

    let table: RouteTable
    let originRule: OriginRule
    let budget: BodyBudget
    let logger: Logger

    func respond(to request: Request, context: Context) async throws -> Response {
        let start = ContinuousClock.now
        let id = Self.requestID(request.headers)
        var logger = logger
        logger[metadataKey: LogKey.requestID.rawValue] = "\(id)"
        var answer: Answer
        do throws(Problem) {
            answer = try await self.answer(to: request, channel: context.channel, logger: logger)
        } catch {
            answer = error.answer
        }
        answer.headers[.requestID] = id
        answer.headers[.cacheControl] = "no-store"
        answer.headers[.xContentTypeOptions] = "nosniff"
        logger.debug(
            "request answered",
            metadata: [
                .method: "\(request.method.rawValue)", .path: "\(request.head.path?.prefix(200) ?? "")",
                .status: "\(answer.status.code)", .elapsed: "\((ContinuousClock.now - start).milliseconds)ms",
            ])
        answer.headers[.contentLength] = String(answer.body.count)
        let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        return Response(status: answer.status, headers: answer.headers, body: body)
    }

    private func answer(to request: Request, channel: any Channel, logger: Logger) async throws(Problem) -> Answer {
        try originRule.check(request.head)
        guard let target = RequestTarget(request.head.path ?? "") else {
            throw Problem(.malformedRequest, "the path or the query is not well-formed")
        }
        let apiRequest = APIRequest(
            method: request.method, target: target, headers: request.headers,
            body: BodyReader(request, channel: channel, budget: budget),
            inputClosure: { await Self.inputClosure(of: channel) }, logger: logger)
        let (route, routed) = try table.find(apiRequest)
        return try await route.handle(routed)
    }

    /// The client's own id when it is fit for a log, else a new one.
    private static func requestID(_ headers: HTTPFields) -> String {
        if let id = headers[.requestID], 1...APILimits.requestIDBytesMax ~= id.utf8.count,
            id.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
        {
            return id
        }
        return Hexadecimal.digits(of: UInt64.random(in: .min ... .max).bigEndianBytes)
    }

    private static func inputClosure(of channel: any Channel) async -> InputClosure? {
        let found = channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionGuard.self).inputClosure
        }
        return try? await found.get()
    }
}
