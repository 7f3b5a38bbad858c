// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// Which bucket of which S3-compatible service keeps the blobs, and in whose name it is asked.
///
/// The place is `s3://BUCKET` or `s3://BUCKET/PREFIX`; behind either, `?links=15m` makes the API send clients to links of the
/// service's own, valid so long, instead of passing the bytes on, and `?tls=none` lets the endpoint be `http://` beyond this
/// machine. All else comes from the environment, under the names that AWS's own tools use: `AWS_ACCESS_KEY_ID` and
/// `AWS_SECRET_ACCESS_KEY`; `AWS_SESSION_TOKEN`; `AWS_REGION` or `AWS_DEFAULT_REGION` (default us-east-1);
/// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` for a service that is not AWS's; `AWS_CA_BUNDLE` for the authorities that its
/// certificate is checked against.
struct S3Settings: Sendable {
    /// A link works for a minute at least and, as the service has it, for a week at most.
    static let linkDurations: ClosedRange<Duration> = .seconds(60) ... .seconds(7 * 86_400)
    private static let scheme = "s3://"
    private static let prefixBytesMax = 512

    let bucket: String
    /// What the names of all objects begin with: empty, or with a slash at its end.
    let prefix: String
    let region: String
    let endpoint: S3Endpoint
    let credentials: S3Credentials
    /// A file of PEM certificates; nil for the system's authorities.
    let authorityPath: String?
    /// nil when clients are not sent to the service.
    let linkDuration: Duration?
    /// Where bytes wait that are to be sent.
    let temporaryFolder: String

    /// - Throws: ``BlobError`` with `.failed`, which names the setting and quotes nothing of it: people put secrets into addresses.
    init(place: String, environment: [String: String]) throws(BlobError) {
        func variable(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let parts = place.dropFirst(Self.scheme.count).split(separator: "?", maxSplits: 1)
        let path = (parts.first ?? "").split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard place.hasPrefix(Self.scheme), let bucket = path.first.map(String.init), Self.isBucket(bucket) else {
            throw .setting("expected s3://BUCKET or s3://BUCKET/PREFIX, a bucket being 3 to 63 of a-z, 0-9, . and -")
        }
        self.bucket = bucket
        prefix = try Self.prefix(path.count > 1 ? path[1] : "")
        let options = try S3Options(parts.count > 1 ? parts[1] : "")
        linkDuration = options.linkDuration
        region = variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1"
        guard region.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == 0x2D }) else {
            throw .setting("AWS_REGION: expected a region's name, such as eu-central-1")
        }
        credentials = try S3Credentials(
            id: variable("AWS_ACCESS_KEY_ID"), secret: variable("AWS_SECRET_ACCESS_KEY"),
            sessionToken: variable("AWS_SESSION_TOKEN"))
        if let url = variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") {
            endpoint = try S3Endpoint(url: url, bucket: bucket, allowingPlainText: options.allowsPlainText)
        } else {
            endpoint = S3Endpoint(bucket: bucket, region: region)
        }
        authorityPath = variable("AWS_CA_BUNDLE")
        temporaryFolder = variable("TMPDIR") ?? "/tmp"
    }

    private static func isBucket(_ name: String) -> Bool {
        3...63 ~= name.utf8.count
            && name.utf8.allSatisfy { 0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == 0x2D || $0 == 0x2E }
            && !name.hasPrefix(".") && !name.hasSuffix(".") && !name.contains("..")
    }

    /// Only what stands in the path of a URL for itself, and what nobody on the way makes anything else of.
    private static func prefix(_ text: Substring) throws(BlobError) -> String {
        let text = text.hasSuffix("/") ? text.dropLast() : text
        guard !text.isEmpty else { return "" }
        let isPlain = text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !["", ".", ".."].contains(part) && part.utf8.allSatisfy(S3Text.isUnreserved)
        }
        guard isPlain, text.utf8.count <= prefixBytesMax else {
            throw .setting("the prefix of s3://BUCKET/PREFIX has other characters than a-z, A-Z, 0-9 and -._~/")
        }
        return "\(text)/"
    }
}

/// What stands behind the question mark of a place.
private struct S3Options {
    var linkDuration: Duration?
    var allowsPlainText = false

    init(_ query: Substring) throws(BlobError) {
        for option in query.split(separator: "&") {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch (parts[0], parts.count > 1 ? parts[1] : "") {
            case ("links", let text):
                guard let duration = Duration(text: String(text)), S3Settings.linkDurations.contains(duration) else {
                    throw .setting("?links= of s3://BUCKET: expected a duration of 1m to 7d")
                }
                linkDuration = duration
            case ("tls", "none"): allowsPlainText = true
            default: throw .setting("behind s3://BUCKET only ?links=DURATION and ?tls=none are known")
            }
        }
    }
}

/// In whose name the service is asked.
struct S3Credentials: Sendable {
    let id: String
    let secret: Secret
    let sessionToken: Secret?

    init(id: String, secret: Secret, sessionToken: Secret?) {
        self.id = id
        self.secret = secret
        self.sessionToken = sessionToken
    }

    fileprivate init(id: String?, secret: String?, sessionToken: String?) throws(BlobError) {
        guard let id, let secret else {
            throw .setting("a bucket needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
        }
        // Most often the end of a line that was copied along.
        for (name, text) in [
            ("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", sessionToken ?? ""),
        ] where !text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) {
            throw .setting("\(name): has a blank or another character that no key has")
        }
        self.init(id: id, secret: Secret(secret), sessionToken: sessionToken.map { Secret($0) })
    }
}

extension BlobError {
    fileprivate static func setting(_ message: String) -> BlobError { BlobError(.failed, message) }
}

/// Where requests about a bucket go.
struct S3Endpoint: Sendable, Equatable {
    /// `http://…` or `https://…`, without a path.
    let origin: String
    /// The bucket is the first part of the path; else it is part of the host.
    private let isBucketInPath: Bool
    private let bucket: String

    /// AWS's own.
    init(bucket: String, region: String) {
        // A certificate for *.s3.… does not hold for a name with further dots.
        isBucketInPath = bucket.contains(".")
        origin = "https://\(isBucketInPath ? "" : "\(bucket).")s3.\(region).amazonaws.com"
        self.bucket = bucket
    }

    /// - Parameter url: a scheme, a host and perhaps a port.
    /// - Throws: `.failed`, also for `http://` beyond this machine, unless that is allowed: the secret stays here, but photos
    ///   and links could be read on the way.
    init(url: String, bucket: String, allowingPlainText isAllowed: Bool) throws(BlobError) {
        let text = url.hasSuffix("/") ? String(url.dropLast()) : url
        let scheme = ["http://", "https://"].first { text.hasPrefix($0) }
        let authority = text.dropFirst(scheme?.count ?? 0)
        guard let scheme, let host = Self.host(of: authority) else {
            throw .setting("AWS_ENDPOINT_URL: expected https://HOST or https://HOST:PORT, without a user or a path")
        }
        guard scheme == "https://" || isAllowed || ["127.0.0.1", "[::1]", "localhost"].contains(host) else {
            throw .setting(
                "AWS_ENDPOINT_URL: http:// would send photos in the clear beyond this machine; use https://, or say so with "
                    + "s3://BUCKET?tls=none")
        }
        origin = text
        isBucketInPath = true
        self.bucket = bucket
    }

    /// As it stands in the header `Host`: without a port that goes without saying.
    var host: String {
        let isSecure = origin.hasPrefix("https")
        let host = origin.dropFirst(isSecure ? 8 : 7)
        let usual = isSecure ? ":443" : ":80"
        return String(host.hasSuffix(usual) ? host.dropLast(usual.count) : host)
    }

    func path(ofKey key: String) -> String { isBucketInPath ? "/\(bucket)/\(key)" : "/\(key)" }

    /// nil unless the authority is a host's name or address, perhaps with a port.
    private static func host(of authority: Substring) -> Substring? {
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            host = authority[..<colon]
            guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else { return nil }
        }
        let isAddress = host.hasPrefix("[") && host.hasSuffix("]")
        let name = isAddress ? host.dropFirst().dropLast() : host
        guard !name.isEmpty, name.utf8.allSatisfy({ S3Text.isUnreserved($0) || (isAddress && $0 == 0x3A) }) else {
            return nil
        }
        return host
    }
}

enum S3Text {
    /// What RFC 3986 lets stand for itself anywhere.
    static func isUnreserved(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || "-._~".utf8.contains(byte) }

    /// In a query.
    static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { escaped, byte in
            escaped +=
                isUnreserved(byte)
                ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.digits(of: [byte]).uppercased()
        }
    }
}
