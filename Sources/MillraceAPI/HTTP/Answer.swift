// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import Millrace
package import NIOCore

/// An answer to a request.
///
/// It is given an id, and `Cache-Control: no-store` unless it says otherwise; the answer to `HEAD` loses its body.
package struct Answer: Sendable {
    package enum Body: Sendable {
        /// None, and no length either: for a status that has no body.
        case none
        case bytes([UInt8])
        /// Read piece by piece while the client takes it.
        ///
        /// - Parameter next: the bytes from an offset on, one at least. What it throws breaks the connection, so that
        ///   the client does not take the part for the whole.
        case pieces(length: Int, next: @Sendable (_ offset: Int) async throws -> ByteBuffer)
    }

    package var status: HTTPResponse.Status
    package var headers = HTTPFields()
    package var body: Body

    /// Without a body.
    package init(status: HTTPResponse.Status) {
        self.status = status
        body = .none
    }

    package init(status: HTTPResponse.Status = .ok, body: [UInt8], contentType: String = "application/json") {
        self.init(status: status, body: .bytes(body), contentType: contentType)
    }

    package init(status: HTTPResponse.Status = .ok, body: Body, contentType: String) {
        self.status = status
        self.body = body
        headers[.contentType] = contentType
    }

    package init(status: HTTPResponse.Status = .ok, _ members: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        json.object(members)
        self.init(status: status, body: json.bytes)
    }
}

extension HTTPField.Name {
    /// A name that is known to be valid.
    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no header's name") }
        return name
    }

    static let requestID = known("X-Request-Id")
    package static let idempotencyKey = known("Idempotency-Key")
    static let idempotentReplayed = known("Idempotent-Replayed")
    static let traceParent = known("traceparent")
    static let forwardedFor = known("X-Forwarded-For")
    static let secFetchSite = known("Sec-Fetch-Site")
}
