// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging
import Millrace
import NIOCore
import PostgresDriver

/// Why a request was not carried out, as a problem document (RFC 9457) like those of the API.
struct PhotoProblem: Error {
    struct Kind {
        /// The last part of `type`.
        let name: String
        let title: String
        let status: HTTPResponse.Status

        static let malformedRequest = Kind(name: "malformed-request", title: "Malformed request", status: .badRequest)
        static let notFound = Kind(name: "not-found", title: "Not found", status: .notFound)
        static let methodNotAllowed = Kind(
            name: "method-not-allowed", title: "Method not allowed", status: .methodNotAllowed)
        static let tooLarge = Kind(name: "too-large", title: "Request too large", status: .contentTooLarge)
        static let unsupportedMediaType = Kind(
            name: "unsupported-media-type", title: "Unsupported media type", status: .unsupportedMediaType)
        static let invalidPhoto = Kind(name: "invalid-photo", title: "Invalid photo", status: .unprocessableContent)
        static let internalError = Kind(name: "internal-error", title: "Internal error", status: .internalServerError)
        static let unavailable = Kind(name: "unavailable", title: "A store is away", status: .serviceUnavailable)
        static let overloaded = Kind(name: "overloaded", title: "Overloaded", status: .serviceUnavailable)
    }

    let kind: Kind
    let detail: String
    var allow: String?

    init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// What a client is told of an error; the stores' own words go to the log alone.
    init(_ error: any Error, logger: Logger) {
        switch error {
        case let problem as PhotoProblem: self = problem
        case let error as PostgresError where error.code == .outcomeUnknown:
            self.init(.unavailable, "the ledger (PostgreSQL) did not confirm; the request may have been carried out")
        case let error as PostgresError where error.isStoreAway:
            self.init(.unavailable, "the ledger (PostgreSQL) does not answer")
        case let error as LedgerError where error.code == .unavailable || error.code == .overloaded:
            self.init(.unavailable, "the ledger (PostgreSQL) does not answer")
        case let error as BlobError where error.code == .full:
            logger.error("the blob store is full", metadata: [.error: "\(error)"])
            self.init(.unavailable, "the blob store is full")
        case is CancellationError:
            self.init(.unavailable, "the server is shutting down")
        default:
            logger.error("a request failed for no known reason", metadata: [.error: "\(error)"])
            self.init(.internalError, "the server's log says more")
        }
    }

    /// - Parameter isBodyLeft: some of the body was not read; the connection is closed.
    func response(isBodyLeft: Bool) -> Response {
        var json = JSONWriter()
        json.object { json in
            json.member("type", "/problems/\(kind.name)")
            json.member("title", kind.title)
            json.member("status", kind.status.code)
            json.member("detail", detail)
        }
        var response = Response.json(json.bytes, status: kind.status, contentType: "application/problem+json")
        if kind.status == .serviceUnavailable { response.headers[.retryAfter] = "1" }
        if let allow { response.headers[.allow] = allow }
        if isBodyLeft { response.headers[.connection] = "close" }
        return response
    }
}

extension PostgresError {
    fileprivate var isStoreAway: Bool {
        isConnectionError || code == .unavailable || code == .deadlineExceeded || code == .overloaded
            || code == .cancelled
    }
}

extension Response {
    static func json(
        _ bytes: [UInt8], status: HTTPResponse.Status = .ok, contentType: String = "application/json"
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = contentType
        headers[.contentLength] = String(bytes.count)
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
