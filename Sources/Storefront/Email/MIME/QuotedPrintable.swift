// SPDX-License-Identifier: Apache-2.0

/// RFC 2045, 6.7: text that stays readable, in lines of 76 characters at most.
enum QuotedPrintable {
    /// One less than there may be, for the sign that a line goes on.
    private static let lineLength = 75
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// - Parameter lines: without their ends.
    /// - Returns: the lines with their ends.
    static func text(of lines: [ArraySlice<UInt8>]) -> [UInt8] {
        var text: [UInt8] = []
        for line in lines {
            var column = 0
            for (index, byte) in zip(line.indices, line) {
                // A blank at a line's end might be lost on the way.
                let isLast = index == line.endIndex - 1
                let isPlain = 0x21...0x7E ~= byte && byte != UInt8(ascii: "=") || byte == 0x20 && !isLast
                let length = isPlain ? 1 : 3
                if column + length > lineLength {
                    text += [UInt8(ascii: "="), 0x0D, 0x0A]
                    column = 0
                }
                if isPlain {
                    text.append(byte)
                } else {
                    text += [UInt8(ascii: "="), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 0xF)]]
                }
                column += length
            }
            text += [0x0D, 0x0A]
        }
        return text
    }
}
