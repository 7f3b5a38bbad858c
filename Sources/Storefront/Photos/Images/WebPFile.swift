// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A WebP file as its container has it (RFC 9649): chunks of four letters, a length and bytes.
enum WebPFile {
    /// The same image with the chunks of a still picture alone; nil for what is no such file.
    ///
    /// Encoders add EXIF of their own where the option to leave it out does not work, as with libvips 8.14.1. What goes
    /// out is therefore made of the chunks that are known to hold pixels, and of no others.
    static func onlyPixels(of file: [UInt8]) -> [UInt8]? {
        guard file.starts(with: Array("RIFF".utf8)), file.count >= 12, file[8..<12].elementsEqual("WEBP".utf8) else {
            return nil
        }
        var chunks: [UInt8] = []
        var offset = 12
        while offset + 8 <= file.count {
            let length = (0..<4).reduce(0) { $0 | Int(file[offset + 4 + $1]) << (8 * $1) }
            let end = offset + 8 + length + length % 2
            guard end <= file.count else { return nil }
            var chunk = Array(file[offset..<end])
            switch String(decoding: chunk.prefix(4), as: UTF8.self) {
            case "VP8X":
                guard length >= 10 else { return nil }
                // Of its flags only the one that says that there is transparency.
                chunk[8] &= 0x10
                chunks += chunk
            case "ALPH", "VP8 ", "VP8L": chunks += chunk
            default: break
            }
            offset = end
        }
        let size = UInt32(chunks.count + 4)
        return Array("RIFF".utf8) + size.bigEndianBytes.reversed() + Array("WEBP".utf8) + chunks
    }
}
