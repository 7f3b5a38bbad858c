// SPDX-License-Identifier: Apache-2.0

/// A job's identity: a UUIDv7 (RFC 9562), made by whoever enqueues.
///
/// Its first 48 bits are the Unix time in milliseconds, so that ids sort by age and the ledger can keep them in daily
/// partitions.
public struct JobID: Hashable, Comparable, Sendable {
    /// The id's 128 bits, big end first.
    private let high: UInt64
    private let low: UInt64

    /// Makes an id of a time and 74 random bits.
    public init(at time: Timestamp, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(clamping: time.unixMilliseconds) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | 0x7000 | generator.next() & 0x0FFF
        low = 0x8000_0000_0000_0000 | generator.next() & 0x3FFF_FFFF_FFFF_FFFF
    }

    /// Reads the 16 bytes of an id of any UUID version; nil for another length.
    public init?(bytes: some Collection<UInt8>) {
        // Out of the generic world: callers are in other modules, where it cannot be specialized.
        let bytes = Array(bytes)
        guard bytes.count == 16 else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes, as both stores keep them.
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: high >> (56 - 8 * UInt64(index)))
                buffer[index + 8] = UInt8(truncatingIfNeeded: low >> (56 - 8 * UInt64(index)))
            }
            count = 16
        }
    }

    /// The time within the id, by the clock of whoever made it.
    public var time: Timestamp {
        Timestamp(unixMilliseconds: Int64(high >> 16))
    }

    public static func < (left: JobID, right: JobID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension JobID: LosslessStringConvertible {
    /// Reads the usual form of 36 characters, in either case; nil for anything else.
    public init?(_ text: String) {
        var text = text
        let bytes: [UInt8]? = text.withUTF8 { characters in
            guard characters.count == 36 else { return nil }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(16)
            var index = 0
            while index < 36 {
                if index == 8 || index == 13 || index == 18 || index == 23 {
                    guard characters[index] == UInt8(ascii: "-") else { return nil }
                    index += 1
                    continue
                }
                guard let high = Hexadecimal.value(of: characters[index]),
                    let low = Hexadecimal.value(of: characters[index + 1])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 2
            }
            return bytes
        }
        guard let bytes else { return nil }
        self.init(bytes: bytes)
    }

    /// Lower case, in groups of 8, 4, 4, 4 and 12 digits.
    public var description: String {
        let digits = Hexadecimal.digits(of: bytes)
        var text = ""
        text.reserveCapacity(36)
        for (index, digit) in digits.unicodeScalars.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.unicodeScalars.append(digit)
        }
        return text
    }
}
