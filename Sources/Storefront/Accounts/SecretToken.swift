// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Millrace

/// A secret of 256 random bits, by which its bearer is known again.
///
/// The database has its SHA-256 alone, so that nobody can use what a table or a backup of it says. That takes no slow
/// hash: unlike a password it cannot be guessed.
struct SecretToken: Sendable, CustomStringConvertible {
    /// What it opens; a token says so at its start, to people and to programs that look for leaked secrets.
    enum Purpose: String {
        case session = "ms_"
        case device = "md_"
        case reset = "mp_"
    }

    private static let randomLength = 32

    /// Shown to its bearer, once, and to nobody else.
    let text: String

    init(_ purpose: Purpose) {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<Self.randomLength / 8).flatMap { _ in generator.next().bigEndianBytes }
        text = purpose.rawValue + Data(bytes).base64URL
    }

    /// nil for what is no such token by its looks.
    init?(_ text: String, for purpose: Purpose) {
        guard text.hasPrefix(purpose.rawValue), text.utf8.count == purpose.rawValue.utf8.count + 43 else { return nil }
        self.text = text
    }

    /// What the database knows it by.
    var digest: [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

    /// Never the token, so that no log has it.
    var description: String { "***" }
}

extension Data {
    /// RFC 4648, section 5, without padding.
    fileprivate var base64URL: String {
        let digits = base64EncodedString().utf8.compactMap { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: digit
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
