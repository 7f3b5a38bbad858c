// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A blob's name: the SHA-256 of its bytes.
public struct BlobDigest: Hashable, Comparable, Sendable, LosslessStringConvertible {
    static let length = 32

    let bytes: [UInt8]

    /// nil unless there are 32 bytes.
    init?(bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits in lower case; nil for anything else.
    public init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Self.length, !digits.contains(where: { 0x41...0x5A ~= $0 }) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Hexadecimal.value(of: digits[index]), let low = Hexadecimal.value(of: digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    /// 64 hexadecimal digits.
    public var description: String { Hexadecimal.digits(of: bytes) }

    public static func < (left: BlobDigest, right: BlobDigest) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
