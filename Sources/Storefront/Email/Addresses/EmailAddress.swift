// SPDX-License-Identifier: Apache-2.0

import Millrace

/// An address, `local@domain`, as every mail server takes it: in ASCII and without quotes (RFC 5321, dot-string).
public struct EmailAddress: Hashable, Sendable, Codable, CustomStringConvertible {
    private static let bytesMax = 254
    private static let localBytesMax = 64
    private static let labelBytesMax = 63
    private static let localMarks = Set("!#$%&'*+-/=?^_`{|}~".utf8)

    /// As it was given.
    public let description: String
    let domain: String

    /// - Throws: ``EmailError`` with `.invalid`, which says what is wrong.
    public init(_ text: String) throws(EmailError) {
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) else {
            throw EmailError(.invalid, "expected an address such as ana@example.org")
        }
        let (local, domain) = (text[..<at], text[text.utf8.index(after: at)...])
        guard text.utf8.count <= Self.bytesMax, 1...Self.localBytesMax ~= local.utf8.count else {
            throw EmailError(
                .invalid,
                "an address has at most \(Self.bytesMax) characters, 1 to \(Self.localBytesMax) of them before the @")
        }
        guard local.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw EmailError(
                .invalid,
                "there are characters beyond ASCII before the @; such addresses (SMTPUTF8) are not supported")
        }
        guard domain.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw EmailError(.invalid, "there are characters beyond ASCII in the domain; write it as xn--… (Punycode)")
        }
        let atoms = local.split(separator: ".", omittingEmptySubsequences: false)
        guard atoms.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isLocal) }) else {
            throw EmailError(
                .invalid, "before the @ there may be letters, digits, single dots and !#$%&'*+-/=?^_`{|}~, no others")
        }
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(Self.isLabel) else {
            throw EmailError(.invalid, "what follows the @ is not the name of a domain")
        }
        description = text
        self.domain = domain.lowercased()
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(EmailError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Equal for addresses that are the same mailbox on any server that there is.
    var key: String { description.lowercased() }

    private static func isLocal(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || localMarks.contains(byte) }

    private static func isLabel(_ label: Substring) -> Bool {
        1...labelBytesMax ~= label.utf8.count && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
    }
}

extension UInt8 {
    /// Of ASCII.
    var isLetterOrDigit: Bool { 0x30...0x39 ~= self || 0x41...0x5A ~= self || 0x61...0x7A ~= self }
}
