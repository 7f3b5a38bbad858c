// SPDX-License-Identifier: Apache-2.0

/// What terminals are told, by the names of ECMA-48 and xterm.
enum TerminalSequence {
    /// The alternate screen, cleared, without cursor and without wrapping of long lines.
    static let enter = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J"
    /// All of it undone, colours too; harmless when nothing is to be undone.
    static let leave = "\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"
    static let clearToEndOfLine = "\u{1b}[K"
    static let clearToEndOfScreen = "\u{1b}[J"
    static let bold = "\u{1b}[1m"
    static let faint = "\u{1b}[2m"
    static let red = "\u{1b}[31m"
    static let plain = "\u{1b}[0m"

    /// - Parameter row: from 1.
    static func line(_ row: Int) -> String { "\u{1b}[\(row);1H" }
}
