// SPDX-License-Identifier: Apache-2.0

/// Text in headers, which are of ASCII (RFC 2047).
enum EncodedWords {
    private static let lineLength = 76
    private static let opening = "=?UTF-8?"
    /// `=?UTF-8?Q?` and `?=`.
    private static let frameLength = 12
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// A subject: as it is where that is short and of ASCII, else in encoded words.
    /// - Parameter used: characters before it on its line.
    static func unstructured(_ text: String, used: Int) -> String {
        let isPlain =
            text.utf8.allSatisfy { 0x20...0x7E ~= $0 } && used + text.utf8.count <= lineLength
            && !text.hasPrefix(" ") && !text.hasSuffix(" ") && !text.contains("=?")
        return isPlain ? text : encoded(text, used: used)
    }

    /// A name before an address: quoted where that is short and of ASCII, else in encoded words.
    static func phrase(_ text: String, used: Int) -> String {
        let isPlain =
            text.utf8.allSatisfy { 0x20...0x7E ~= $0 } && used + 2 * text.utf8.count + 2 <= lineLength
            && !text.hasPrefix(" ") && !text.hasSuffix(" ") && !text.contains("=?")
        guard isPlain else { return encoded(text, used: used) }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// On as many lines as it needs; no character is divided between two words.
    private static func encoded(_ text: String, used: Int) -> String {
        let isReadable = text.utf8.count { isSafe($0) } * 2 > text.utf8.count
        let length = isReadable ? lengthAsQ : lengthAsBase64
        var words: [String] = []
        var word: [UInt8] = []
        for scalar in text.unicodeScalars {
            let room = lineLength - 1 - frameLength - (words.isEmpty ? used : 0)
            let longer = word + Array(String(scalar).utf8)
            if length(longer) > room, !word.isEmpty {
                words.append(framed(word, isReadable))
                word = Array(String(scalar).utf8)
            } else {
                word = longer
            }
        }
        words.append(framed(word, isReadable))
        return words.joined(separator: "\r\n ")
    }

    private static func framed(_ bytes: [UInt8], _ isReadable: Bool) -> String {
        isReadable ? opening + "Q?" + quoted(bytes) + "?=" : opening + "B?" + Base64.text(of: bytes) + "?="
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            if isSafe(byte) {
                text.append(byte == 0x20 ? UInt8(ascii: "_") : byte)
            } else {
                text += [UInt8(ascii: "="), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 0xF)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What may stand for itself also within a name.
    private static func isSafe(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || byte == 0x20 || "!*+-/".utf8.contains(byte)
    }

    private static func lengthAsQ(_ bytes: [UInt8]) -> Int { bytes.reduce(0) { $0 + (isSafe($1) ? 1 : 3) } }
    private static func lengthAsBase64(_ bytes: [UInt8]) -> Int { (bytes.count + 2) / 3 * 4 }
}
