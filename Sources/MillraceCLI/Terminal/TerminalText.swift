// SPDX-License-Identifier: Apache-2.0

/// Text measured and cut by the columns that it takes on a terminal.
enum TerminalText {
    /// Columns of a text without control characters: none for what joins the character before, two for what East Asian
    /// fonts and emoji draw wide, else one. Terminals differ on some; the view therefore forbids them to wrap.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width($1) }
    }

    /// The text, made safe and cut to `width` columns; the last is an ellipsis when something is missing.
    static func fitted(_ text: String, to width: Int) -> String {
        let text = EscapedText.withoutControls(text)
        guard self.width(text) > width else { return text }
        guard width > 0 else { return "" }
        var rest = width - 1
        let kept = text.prefix { character in
            rest -= self.width(character)
            return rest >= 0
        }
        return kept + "…"
    }

    /// Cut or filled up with blanks to exactly `width` columns.
    static func padded(_ text: String, to width: Int, isNumber: Bool = false) -> String {
        let text = fitted(text, to: width)
        let blanks = String(repeating: " ", count: max(0, width - self.width(text)))
        return isNumber ? blanks + text : text + blanks
    }

    private static func width(_ character: Character) -> Int {
        // One drawn character may be several of Unicode's; the widest decides.
        character.unicodeScalars.reduce(0) { max($0, width($1)) }
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF,
            0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
