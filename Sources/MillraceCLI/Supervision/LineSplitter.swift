// SPDX-License-Identifier: Apache-2.0

/// Cuts what a child process writes into lines that can be shown on a terminal.
struct LineSplitter {
    /// A longer line is cut into pieces.
    static let lineBytesMax = 16 * 1024

    private var partial: [UInt8] = []

    /// The lines that these bytes complete.
    mutating func append(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte != UInt8(ascii: "\n") { partial.append(byte) }
            if byte == UInt8(ascii: "\n") || partial.count >= Self.lineBytesMax {
                lines.append(take())
            }
        }
        return lines
    }

    /// What is left when no more bytes will come.
    mutating func finish() -> String? {
        partial.isEmpty ? nil : take()
    }

    private mutating func take() -> String {
        defer { partial.removeAll(keepingCapacity: true) }
        return EscapedText.withoutControls(String(decoding: partial, as: UTF8.self))
    }
}
