// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// Why a request was not carried out, as a problem document (RFC 9457).
package struct Problem: Error, Sendable {
    /// What went wrong, in a word that clients may rely on.
    package struct Kind: Sendable, Equatable {
        /// The last part of `type`, such as `invalid-field`.
        let name: String
        let title: String
        let status: HTTPResponse.Status

        package static let malformedRequest = Kind("malformed-request", "Malformed request", 400)
        package static let malformedJSON = Kind("malformed-json", "Malformed JSON", 400)
        package static let unauthenticated = Kind("unauthenticated", "No valid key or session", 401)
        package static let missingScope = Kind("missing-scope", "Not allowed with this key", 403)
        package static let foreignOrigin = Kind("foreign-origin", "Request from a foreign origin", 403)
        package static let notFound = Kind("not-found", "Not found", 404)
        package static let methodNotAllowed = Kind("method-not-allowed", "Method not allowed", 405)
        package static let tooSlow = Kind("too-slow", "Request took too long to arrive", 408)
        package static let wrongState = Kind("wrong-state", "Not possible in this state", 409)
        package static let jobFailed = Kind("job-failed", "The job ended without a result", 409)
        package static let keyInFlight = Kind("key-in-flight", "First request still under way", 409)
        package static let tooLarge = Kind("too-large", "Request too large", 413)
        package static let unsupportedMediaType = Kind("unsupported-media-type", "Unsupported media type", 415)
        package static let invalidField = Kind("invalid-field", "Invalid field", 422)
        package static let invalidParameter = Kind("invalid-parameter", "Invalid parameter", 422)
        package static let invalidHeader = Kind("invalid-header", "Invalid header", 422)
        package static let keyReused = Kind("key-reused", "Idempotency key used for another request", 422)
        package static let tooManyRequests = Kind("too-many-requests", "Too many requests", 429)
        package static let internalError = Kind("internal-error", "Internal error", 500)
        package static let unavailable = Kind("unavailable", "A store is away", 503)
        package static let overloaded = Kind("overloaded", "Overloaded", 503)

        /// All that Millrace's own routes answer; an application may have more.
        static let own = [
            malformedRequest, malformedJSON, unauthenticated, missingScope, foreignOrigin, notFound, methodNotAllowed,
            tooSlow, wrongState, jobFailed,
            keyInFlight, tooLarge, unsupportedMediaType, invalidField, invalidParameter, invalidHeader, keyReused,
            tooManyRequests, internalError, unavailable, overloaded,
        ]

        package init(_ name: String, _ title: String, _ status: Int) {
            self.name = name
            self.title = title
            self.status = HTTPResponse.Status(code: status)
        }
    }

    package let kind: Kind
    /// What failed, on what, and the limit or value seen.
    package let detail: String
    /// Every fault that was found, where faults have places.
    var faults: [Fault] = []
    /// Faults beyond those that are listed.
    var unlistedFaults = 0
    /// Seconds.
    package var retryAfter: Int?
    var allow: String?
    /// What a request must bring to be let in, as the header `WWW-Authenticate` says it.
    package var challenge: String?
    /// What an API key lacks.
    var scope: APIScope?
    /// The rest of the request is not worth reading.
    package var closesConnection = false

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// - Precondition: there is at least one fault.
    package init(_ kind: Kind, _ faults: Faults) {
        precondition(!faults.isEmpty, "a problem without a fault")
        self.kind = kind
        self.faults = faults.listed
        unlistedFaults = faults.count - faults.listed.count
        let first = faults.listed[0]
        let rest = faults.count == 1 ? "" : " (and \(faults.count - 1) more)"
        detail = "\(first.place.description): \(first.detail)\(rest)"
    }

    package var answer: Answer {
        var json = JSONWriter()
        json.object { json in
            json.member("type", "/problems/\(kind.name)")
            json.member("title", kind.title)
            json.member("status", kind.status.code)
            json.member("detail", detail)
            if let scope { json.member("scope", scope.rawValue) }
            guard !faults.isEmpty else { return }
            json.member("errors") { json in json.array(faults) { json, fault in fault.write(to: &json) } }
            if unlistedFaults > 0 { json.member("errors_omitted", unlistedFaults) }
        }
        var answer = Answer(status: kind.status, body: json.bytes, contentType: "application/problem+json")
        if let retryAfter { answer.headers[.retryAfter] = String(retryAfter) }
        if let challenge { answer.headers[.wwwAuthenticate] = challenge }
        if let allow { answer.headers[.allow] = allow }
        if closesConnection { answer.headers[.connection] = "close" }
        return answer
    }
}

extension Problem {
    static func invalid(parameter: String, _ detail: String) -> Problem {
        Problem(.invalidParameter, Faults(Fault(.parameter(parameter), detail)))
    }

    static func invalid(header: String, _ detail: String) -> Problem {
        Problem(.invalidHeader, Faults(Fault(.header(header), detail)))
    }
}
