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
    let proxies: [APIServer.Network]
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
        if answer.headers[.cacheControl] == nil { answer.headers[.cacheControl] = "no-store" }
        answer.headers[.xContentTypeOptions] = "nosniff"
        logger.debug(
            "request answered",
            metadata: [
                .method: "\(request.method.rawValue)", .path: "\(request.head.path?.prefix(200) ?? "")",
                .status: "\(answer.status.code)", .elapsed: "\((ContinuousClock.now - start).milliseconds)ms",
            ])
        if let length = answer.body.length { answer.headers[.contentLength] = String(length) }
        let body = request.method == .head ? ResponseBody() : answer.body.written
        return Response(status: answer.status, headers: answer.headers, body: body)
    }

    private func answer(to request: Request, channel: any Channel, logger: Logger) async throws(Problem) -> Answer {
        try originRule.check(request.head)
        guard let target = RequestTarget(request.head.path ?? "") else {
            throw Problem(.malformedRequest, "the path or the query is not well-formed")
        }
        let connection = ConnectionGuard.Remote(channel)
        let apiRequest = APIRequest(
            method: request.method, target: target, headers: request.headers,
            body: BodyReader(
                request.body, headers: request.headers, budget: budget, connection: connection),
            clientAddress: ClientAddress(of: channel, headers: request.headers, proxies: proxies),
            inputClosure: { await connection.inputClosure() }, logger: logger)
        return try await table.answer(to: apiRequest)
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
}

extension Answer.Body {
    fileprivate var length: Int? {
        switch self {
        case .none: nil
        case .bytes(let bytes): bytes.count
        case .pieces(let length, _): length
        }
    }

    fileprivate var written: ResponseBody {
        switch self {
        case .none: ResponseBody()
        case .bytes(let bytes): ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .pieces(let length, let next):
            ResponseBody(contentLength: length) { writer in
                var offset = 0
                while offset < length {
                    let piece = try await next(offset)
                    guard 1...(length - offset) ~= piece.readableBytes else { throw BrokenOff() }
                    offset += piece.readableBytes
                    try await writer.write(piece)
                }
                try await writer.finish(nil)
            }
        }
    }

    /// A body that has not the length that it was announced with.
    private struct BrokenOff: Error {}
}
