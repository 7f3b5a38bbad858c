// SPDX-License-Identifier: Apache-2.0

import Crypto
package import Millrace

/// What a program sends as its key: `mr_`, the key's id, `_`, and a secret of 43 characters, base64url of 256 random bits.
package struct APIKeyToken: Sendable, Equatable {
    private static let prefix = "mr_"
    private static let secretLength = 43

    package let id: APIKeyID
    private let secret: String

    /// A new one.
    package init() {
        var generator = SystemRandomNumberGenerator()
        id = APIKeyID(using: &generator)
        secret = Self.text(of: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// nil for whatever has not the form of a key, such as the token of a user's session.
    package init?(_ text: String) {
        guard text.utf8.count == Self.prefix.utf8.count + APIKeyID.length + 1 + Self.secretLength,
            text.hasPrefix(Self.prefix)
        else { return nil }
        let parts = text.utf8.dropFirst(Self.prefix.utf8.count)
        let secret = parts.dropFirst(APIKeyID.length + 1)
        guard let id = APIKeyID(String(Substring(parts.prefix(APIKeyID.length)))),
            parts.dropFirst(APIKeyID.length).first == UInt8(ascii: "_"), secret.allSatisfy(Self.alphabet.contains)
        else { return nil }
        self.id = id
        self.secret = String(Substring(secret))
    }

    /// The whole of it; shown once, when it is made.
    package var text: String { "\(Self.prefix)\(id)_\(secret)" }

    /// What the ledger keeps of the secret.
    package var digest: [UInt8] {
        var hash = SHA256()
        Array(secret.utf8).withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    /// In a time that does not tell where two digests differ.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func text(of bytes: [UInt8]) -> String {
        var characters: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0 as UInt32) { $0 << 8 | UInt32($1) } << (8 * (3 - group.count))
            for index in 0...group.count { characters.append(alphabet[Int(bits >> (18 - 6 * index) & 63)]) }
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
