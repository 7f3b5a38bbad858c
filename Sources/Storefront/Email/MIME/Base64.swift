// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// RFC 2045, 6.8.
enum Base64 {
    private static let lineLength = 76

    static func text(of bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
    }

    /// In lines of 76 characters, each with its end.
    static func lines(of bytes: [UInt8]) -> [UInt8] {
        let digits = Array(Data(bytes).base64EncodedData())
        var lines: [UInt8] = []
        lines.reserveCapacity(digits.count + digits.count / lineLength * 2 + 2)
        for start in stride(from: 0, to: digits.count, by: lineLength) {
            lines += digits[start..<min(start + lineLength, digits.count)]
            lines += [0x0D, 0x0A]
        }
        return lines
    }
}
