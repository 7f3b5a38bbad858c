// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The identity of a row of the storefront: a UUIDv7, made when it is taken in.
///
/// `Record` tells the ids of one table from those of another; it is the job that makes something of the row.
public struct RecordID<Record>: Hashable, Sendable, LosslessStringConvertible, Codable {
    private let id: JobID

    init() {
        var generator = SystemRandomNumberGenerator()
        id = JobID(at: .now(), using: &generator)
    }

    init?(bytes: [UInt8]) {
        guard let id = JobID(bytes: bytes) else { return nil }
        self.id = id
    }

    /// Reads the usual form of 36 characters, in either case; nil for anything else.
    public init?(_ text: String) {
        guard let id = JobID(text) else { return nil }
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = try Self(container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID of 36 characters")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    var bytes: [UInt8] { id.bytes }

    public var description: String { id.description }
}
