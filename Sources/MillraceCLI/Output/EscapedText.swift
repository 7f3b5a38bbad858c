// SPDX-License-Identifier: Apache-2.0

/// Text from elsewhere, made safe for a line and a terminal.
enum EscapedText {
    /// Control characters, line and paragraph separators and the marks that reverse the direction of writing, as `\n`
    /// or `\u{1b}`.
    static func withoutControls(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { $0 += isControl($1) ? escape($1) : String($1) }
    }

    /// As it is when it is one plain word, else in double quotes with `"` and `\` escaped.
    static func quotedIfNeeded(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { !isControl($0) && $0 != " " && $0 != "\"" && $0 != "\\" && $0 != "=" }
        if isPlain { return text }
        return text.unicodeScalars.reduce(into: "\"") { quoted, character in
            switch character {
            case "\"", "\\": quoted += "\\\(character)"
            default: quoted += isControl(character) ? escape(character) : String(character)
            }
        } + "\""
    }

    private static func isControl(_ character: Unicode.Scalar) -> Bool {
        switch character.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escape(_ character: Unicode.Scalar) -> String {
        switch character {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(character.value, radix: 16))}"
        }
    }
}
