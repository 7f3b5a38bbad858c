// SPDX-License-Identifier: Apache-2.0

/// The name of a file as a parameter of `Content-Disposition`: quoted where it is short and of ASCII, else by
/// percent-encoding and in pieces (RFC 2231).
enum FileNameParameter {
    private static let quotedMax = 60
    private static let pieceMax = 50
    private static let hexadecimal = Array("0123456789ABCDEF".utf8)

    /// - Returns: what follows the value, with the semicolon and line break before it.
    static func text(_ name: String) -> String {
        let isPlain =
            name.utf8.count <= quotedMax && name.utf8.allSatisfy { 0x20...0x7E ~= $0 && $0 != 0x22 && $0 != 0x5C }
            && !name.hasPrefix(" ") && !name.hasSuffix(" ") && !name.contains("=?")
        if isPlain {
            return ";\r\n filename=\"\(name)\""
        }
        let pieces = pieces(name)
        guard pieces.count > 1 else { return ";\r\n filename*=UTF-8''\(pieces[0])" }
        return pieces.enumerated().map { index, piece in
            ";\r\n filename*\(index)*=\(index == 0 ? "UTF-8''" : "")\(piece)"
        }.joined()
    }

    /// No character is divided between two pieces, though RFC 2231 allows it: not all readers put it together again.
    private static func pieces(_ name: String) -> [String] {
        var pieces: [[UInt8]] = [[]]
        for scalar in name.unicodeScalars {
            let text = String(scalar).utf8.flatMap(encoded)
            if pieces[pieces.count - 1].count + text.count > pieceMax { pieces.append([]) }
            pieces[pieces.count - 1] += text
        }
        return pieces.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func encoded(_ byte: UInt8) -> [UInt8] {
        let isSafe = byte.isLetterOrDigit || "!#$&+-.^_`|~".utf8.contains(byte)
        return isSafe ? [byte] : [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 0xF)]]
    }
}
