// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Where a blob is: the store's name and the blob's own, written `store/digest`.
///
/// A store belongs to one database, which gave it its name, a UUID. So two databases that are handed the same folder
/// never take each other's blobs for orphans.
public struct BlobReference: Hashable, Sendable, LosslessStringConvertible, Codable {
    /// A UUID in lower case, so that it is safe as a folder's name.
    let store: String
    let digest: BlobDigest

    /// nil unless the store's name is a UUID.
    init?(store: String, digest: BlobDigest) {
        guard let name = JobID(store)?.description else { return nil }
        self.store = name
        self.digest = digest
    }

    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let digest = BlobDigest(String(parts[1])) else { return nil }
        self.init(store: String(parts[0]), digest: digest)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let reference = try BlobReference(container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a blob's store/digest")
        }
        self = reference
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String { "\(store)/\(digest)" }
}
