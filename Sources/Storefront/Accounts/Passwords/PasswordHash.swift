// SPDX-License-Identifier: Apache-2.0

import CArgon2

/// A password as the database keeps it: argon2id (RFC 9106) as a PHC string, which says how it was made.
///
/// 19 MiB, two passes and one lane are what OWASP's Password Storage Cheat Sheet asks for at least: some 30 ms of a core,
/// and memory that keeps a graphics card from trying thousands at a time.
struct PasswordHash: Sendable, Equatable {
    private static let kibibytes: UInt32 = 19 * 1024
    private static let passes: UInt32 = 2
    private static let lanes: UInt32 = 1
    private static let saltLength = 16
    private static let hashLength = 32

    /// How a PHC string of this release begins.
    private static let prefix = "$argon2id$v=19$m=\(kibibytes),t=\(passes),p=\(lanes)$"

    /// Costs as much as any other, and no password has it: what a password is compared with when there is no account.
    static let nobodys = PasswordHash(
        stored: prefix + String(repeating: "A", count: 22) + "$" + String(repeating: "A", count: 43))

    /// A PHC string.
    let text: String

    init(stored text: String) {
        self.text = text
    }

    /// Hashes with a new salt, on the calling thread.
    /// - Throws: ``Failure``, for want of memory.
    init(_ password: Password) throws {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let length = argon2_encodedlen(
            Self.passes, Self.kibibytes, Self.lanes, UInt32(Self.saltLength), UInt32(Self.hashLength), Argon2_id)
        var encoded = [CChar](repeating: 0, count: length)
        let status = argon2id_hash_encoded(
            Self.passes, Self.kibibytes, Self.lanes, password.bytes, password.bytes.count, salt, salt.count,
            Self.hashLength, &encoded, length)
        guard status == ARGON2_OK.rawValue else { throw Failure(status) }
        text = String(decoding: encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Made as this release makes them.
    var isCurrent: Bool { text.hasPrefix(Self.prefix) }

    /// Whether it is this password's, found on the calling thread.
    /// - Throws: ``Failure``, for want of memory or when the stored hash is none.
    func matches(_ password: Password) throws -> Bool {
        let status = argon2id_verify(text, password.bytes, password.bytes.count)
        if status == ARGON2_VERIFY_MISMATCH.rawValue { return false }
        guard status == ARGON2_OK.rawValue else { throw Failure(status) }
        return true
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String

        fileprivate init(_ status: Int32) {
            description = "argon2: \(String(cString: argon2_error_message(status)))"
        }
    }
}
