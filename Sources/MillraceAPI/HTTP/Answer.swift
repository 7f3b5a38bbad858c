// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import NIOCore

/// A whole answer to a request.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var headers = HTTPFields()
    var body: [UInt8]

    init(status: HTTPResponse.Status = .ok, body: [UInt8], contentType: String = "application/json") {
        self.status = status
        self.body = body
        headers[.contentType] = contentType
    }

    init(status: HTTPResponse.Status = .ok, _ members: (inout JSONWriter) -> Void) {
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
    static let idempotencyKey = known("Idempotency-Key")
    static let idempotentReplayed = known("Idempotent-Replayed")
    static let traceParent = known("traceparent")
    static let secFetchSite = known("Sec-Fetch-Site")
}
