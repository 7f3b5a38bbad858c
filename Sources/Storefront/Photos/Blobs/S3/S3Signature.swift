// SPDX-License-Identifier: Apache-2.0

import Crypto
import Millrace

/// Signs requests in the way of AWS Signature Version 4.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and, for links,
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
struct S3Signature: Sendable {
    private static let algorithm = "AWS4-HMAC-SHA256"
    /// Stands for the digest of a link's body, which nobody knows beforehand.
    private static let unsigned = "UNSIGNED-PAYLOAD"

    let credentials: S3Credentials
    let region: String

    /// What is signed of a request.
    struct Request {
        var method: String
        var host: String
        /// Without anything that would have to be escaped.
        var path: String
        /// Not yet escaped.
        var query: [(name: String, value: String)] = []
        /// Beside the host, with names in lower case.
        var headers: [(name: String, value: String)] = []
        /// SHA-256 of its body.
        var body: BlobDigest
    }

    /// All headers of a request that it needs in order to be believed, the host and its own among them.
    func headers(of request: Request, at time: Timestamp) -> [(name: String, value: String)] {
        let stamp = Stamp(time)
        var headers = request.headers
        headers += [
            ("host", request.host), ("x-amz-content-sha256", "\(request.body)"), ("x-amz-date", stamp.text),
        ]
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token.revealed)) }
        headers.sort { $0.name < $1.name }
        let signature = signature(
            of: request, query: Self.queryText(request.query), headers: headers, body: "\(request.body)", stamp)
        let names = headers.map(\.name).joined(separator: ";")
        let credential = "\(credentials.id)/\(scope(stamp))"
        headers.append(
            (
                "authorization",
                "\(Self.algorithm) Credential=\(credential), SignedHeaders=\(names), Signature=\(signature)"
            ))
        return headers
    }

    /// The query of a link under which anybody may `GET` a path.
    func linkQuery(
        host: String, path: String, query: [(name: String, value: String)], for duration: Duration, at time: Timestamp
    ) -> String {
        let stamp = Stamp(time)
        var query = query
        query += [
            ("X-Amz-Algorithm", Self.algorithm), ("X-Amz-Credential", "\(credentials.id)/\(scope(stamp))"),
            ("X-Amz-Date", stamp.text), ("X-Amz-Expires", "\(duration.components.seconds)"),
            ("X-Amz-SignedHeaders", "host"),
        ]
        if let token = credentials.sessionToken { query.append(("X-Amz-Security-Token", token.revealed)) }
        let text = Self.queryText(query)
        let request = Request(method: "GET", host: host, path: path, body: .empty)
        let signature = signature(
            of: request, query: text, headers: [("host", host)], body: Self.unsigned, stamp)
        return "\(text)&X-Amz-Signature=\(signature)"
    }

    /// As it is signed and sent: in the order of its escaped names, and of the values where names are equal.
    static func queryText(_ query: [(name: String, value: String)]) -> String {
        query.map { (name: S3Text.escaped($0.name), value: S3Text.escaped($0.value)) }
            // All of it is ASCII, so this is the order of its bytes. A name that begins another comes first, whatever follows
            // in the text: "=" does not come before all that a name may have there.
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    private func signature(
        of request: Request, query: String, headers: [(name: String, value: String)], body: String, _ stamp: Stamp
    ) -> String {
        let lines = headers.map { "\($0.name):\($0.value)\n" }.joined()
        let names = headers.map(\.name).joined(separator: ";")
        let canonical = "\(request.method)\n\(request.path)\n\(query)\n\(lines)\n\(names)\n\(body)"
        let digest = Hexadecimal.digits(of: Array(SHA256.hash(data: Array(canonical.utf8))))
        let text = "\(Self.algorithm)\n\(stamp.text)\n\(scope(stamp))\n\(digest)"
        return Hexadecimal.digits(of: Array(Self.code(of: text, key: key(stamp))))
    }

    private func scope(_ stamp: Stamp) -> String { "\(stamp.day)/\(region)/s3/aws4_request" }

    private func key(_ stamp: Stamp) -> SymmetricKey {
        [String(stamp.day), region, "s3", "aws4_request"].reduce(
            SymmetricKey(data: Array("AWS4\(credentials.secret.revealed)".utf8))
        ) {
            SymmetricKey(data: Self.code(of: $1, key: $0))
        }
    }

    private static func code(of text: String, key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    /// A time as `20261123T034131Z`.
    private struct Stamp {
        let text: String

        init(_ time: Timestamp) {
            text = time.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
        }

        var day: Substring { text.prefix(8) }
    }
}

extension BlobDigest {
    /// Of no bytes at all.
    static let empty = BlobDigest(of: SHA256())

    init(of hash: SHA256) {
        guard let digest = BlobDigest(bytes: Array(hash.finalize())) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        self = digest
    }
}
