// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Where the next page of a listing begins, in a form that tells clients nothing: base64url of a version and an id.
enum Cursor {
    private static let version: UInt8 = 1
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values = Dictionary(uniqueKeysWithValues: zip(alphabet, UInt32(0)...))

    static func text(for id: JobID) -> String {
        var digits: [UInt8] = []
        var (buffer, bits): (UInt32, UInt32) = (0, 0)
        for byte in [version] + id.bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                digits.append(alphabet[Int(buffer >> bits & 63)])
            }
            buffer &= 1 << bits - 1
        }
        if bits > 0 { digits.append(alphabet[Int(buffer << (6 - bits) & 63)]) }
        return String(decoding: digits, as: UTF8.self)
    }

    /// nil for anything that `text(for:)` did not make.
    static func id(of text: String) -> JobID? {
        guard text.utf8.count == 23 else { return nil }
        var bytes: [UInt8] = []
        var (buffer, bits): (UInt32, UInt32) = (0, 0)
        for digit in text.utf8 {
            guard let value = values[digit] else { return nil }
            buffer = buffer << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
                buffer &= 1 << bits - 1
            }
        }
        guard buffer == 0, bytes.first == version else { return nil }
        return JobID(bytes: bytes.dropFirst())
    }
}
