// SPDX-License-Identifier: Apache-2.0

import CVips
import MillraceAPI

/// A password as a person knows it: the same characters, whichever way a keyboard encodes them.
///
/// It is brought into Unicode's normal form C, so that an é typed as one scalar equals an é typed as two. Nothing is cut,
/// trimmed or changed otherwise; all characters count but control characters, which no keyboard types.
struct Password: Sendable, CustomStringConvertible {
    /// In UTF-8.
    let bytes: [UInt8]
    /// Scalars.
    let length: Int

    /// nil for what can be nobody's password: too long, or with control characters.
    init?(_ text: String) {
        guard text.utf8.count <= AccountLimits.passwordBytesMax, !text.unicodeScalars.contains(where: \.isControl),
            let normal = Self.normalized(text), normal.utf8.count <= AccountLimits.passwordBytesMax
        else { return nil }
        bytes = Array(normal.utf8)
        length = normal.unicodeScalars.count
    }

    /// Never the password, so that no log has it.
    var description: String { "***" }

    /// By GLib, which libvips brings along: Swift's library has no public function for it.
    private static func normalized(_ text: String) -> String? {
        guard let normal = g_utf8_normalize(text, -1, G_NORMALIZE_NFC) else { return nil }
        defer { g_free(normal) }
        return String(cString: normal)
    }
}
