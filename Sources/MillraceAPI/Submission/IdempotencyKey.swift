// SPDX-License-Identifier: Apache-2.0

import Crypto
package import HTTPTypes
package import Millrace

/// What a request's `Idempotency-Key` asks for.
package struct IdempotencyKey: Sendable {
    let key: String
    private let scope: String

    /// nil when the request has none.
    package init?(_ request: APIRequest) throws(Problem) {
        let values = request.headers[values: .idempotencyKey]
        guard let key = values.first else { return nil }
        guard values.count == 1 else { throw .invalid(header: "Idempotency-Key", "given more than once") }
        let isVisible = key.utf8.allSatisfy { 0x21...0x7E ~= $0 }
        guard 1...Limits.keyBytesMax ~= key.utf8.count, isVisible else {
            throw .invalid(
                header: "Idempotency-Key", "1 to \(Limits.keyBytesMax) characters of visible ASCII are taken")
        }
        self.key = key
        scope = request.caller.idempotencyScope
    }

    /// - Parameters:
    ///   - body: the request's; where it is too large to be held, the SHA-256 of it.
    ///   - answer: replayed to those who repeat the request.
    package func idempotency(method: HTTPRequest.Method, path: String, body: [UInt8], answer: StoredAnswer)
        -> Idempotency
    {
        var digest = SHA256()
        for part in [Array("\(method.rawValue) \(path)\n".utf8), body] {
            part.withUnsafeBytes { digest.update(bufferPointer: $0) }
        }
        return Idempotency(scope: scope, key: key, requestDigest: Array(digest.finalize()), answer: answer.encoded)
    }
}

/// The answer to a submission as the ledger keeps it with its key: format (1 byte, 1) ‖ status (2, big end first) ‖
/// length (2) and value of `Location` ‖ body.
package struct StoredAnswer: Sendable, Equatable {
    private static let format: UInt8 = 1

    let status: Int
    /// Empty for none.
    let location: String
    let body: [UInt8]

    package init(status: Int, location: String, body: [UInt8]) {
        self.status = status
        self.location = location
        self.body = body
    }

    var encoded: [UInt8] {
        [Self.format] + UInt16(clamping: status).bigEndianBytes + UInt16(clamping: location.utf8.count).bigEndianBytes
            + Array(location.utf8) + body
    }

    /// nil for bytes that no release wrote.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 5, bytes[0] == Self.format else { return nil }
        let locationEnd = 5 + Int(bytes[3]) << 8 + Int(bytes[4])
        guard locationEnd <= bytes.count, let location = String(validating: bytes[5..<locationEnd], as: UTF8.self)
        else {
            return nil
        }
        self.init(
            status: Int(bytes[1]) << 8 + Int(bytes[2]), location: location, body: Array(bytes[locationEnd...]))
    }

    /// - Parameter isReplay: whether it was given before, of which the header `Idempotent-Replayed` tells.
    package func answer(isReplay: Bool) -> Answer {
        var answer = Answer(status: HTTPResponse.Status(code: status), body: body)
        if !location.isEmpty { answer.headers[.location] = location }
        if isReplay { answer.headers[.idempotentReplayed] = "true" }
        return answer
    }
}
