// SPDX-License-Identifier: Apache-2.0

/// A file that goes with a mail: a blob under a name.
///
/// The blob is one of this database's store, such as a photo's original.
public struct EmailAttachment: Hashable, Sendable, Codable {
    private static let digestPrefix = "sha256:"

    /// In JSON as `GET /v1/photos/{id}` shows it: `sha256:` and 64 hexadecimal digits.
    public let digest: BlobDigest
    /// What the recipient sees; no path.
    public let name: HeaderText
    /// Such as `image/jpeg`.
    public let type: String

    /// - Throws: ``EmailError`` with `.invalid`.
    public init(_ digest: BlobDigest, name: HeaderText, type: String) throws(EmailError) {
        guard Self.isFileName(name) else { throw .notAFileName }
        guard Self.isMediaType(type) else { throw .notAMediaType }
        self.digest = digest
        self.name = name
        self.type = type
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case digest, name, type
    }

    public init(from decoder: any Decoder) throws {
        let members = try decoder.onlyMembers(CodingKeys.self)
        let digest = try members.decode(String.self, forKey: .digest)
        guard digest.hasPrefix(Self.digestPrefix), let blob = BlobDigest(String(digest.dropFirst(7))) else {
            throw DecodingError.dataCorruptedError(
                forKey: .digest, in: members,
                debugDescription: "expected a blob's digest, sha256: and 64 hexadecimal digits in lower case")
        }
        self.digest = blob
        name = try members.decode(HeaderText.self, forKey: .name)
        type = try members.decode(String.self, forKey: .type)
        guard Self.isFileName(name) else {
            throw DecodingError.dataCorruptedError(
                forKey: .name, in: members, debugDescription: EmailError.notAFileName.message)
        }
        guard Self.isMediaType(type) else {
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: members, debugDescription: EmailError.notAMediaType.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode("\(Self.digestPrefix)\(digest)", forKey: .digest)
        try members.encode(name, forKey: .name)
        try members.encode(type, forKey: .type)
    }

    private static func isFileName(_ name: HeaderText) -> Bool {
        !name.description.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
    }

    /// `type/subtype` of RFC 6838; none that consists of parts, which may not be encoded.
    private static func isMediaType(_ text: String) -> Bool {
        let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && !["multipart", "message"].contains(parts[0])
            && parts.allSatisfy { part in
                1...64 ~= part.utf8.count
                    && part.utf8.allSatisfy { $0.isLetterOrDigit || "!#$&-^_.+".utf8.contains($0) }
            }
    }
}

extension EmailError {
    fileprivate static let notAFileName = EmailError(.invalid, "the name of a file without its folders is expected")
    fileprivate static let notAMediaType = EmailError(
        .invalid, "expected a media type without parameters, such as image/jpeg, and neither multipart nor message")
}
