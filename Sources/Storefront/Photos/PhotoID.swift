// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A photo's identity: a UUIDv7, made when it is taken in.
public struct PhotoID: Hashable, Sendable, LosslessStringConvertible, Codable {
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
        guard let id = try PhotoID(container.decode(String.self)) else {
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
