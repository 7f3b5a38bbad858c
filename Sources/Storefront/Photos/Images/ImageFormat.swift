// SPDX-License-Identifier: Apache-2.0

/// The kinds of images that are taken.
///
/// Those whose decoders are everywhere and under constant fuzzing. TIFF, HEIC, AVIF, JPEG XL, SVG, PDF and all else
/// that libvips could read are refused: their decoders are large, and have had too many holes.
public enum ImageFormat: String, Sendable, CaseIterable {
    case jpeg, png, webp, gif

    /// Bytes of a file that tell its format.
    static let signatureLength = 12

    /// By the first bytes of a file; whatever a client says of it does not count. nil for anything else.
    init?(signature: some Collection<UInt8>) {
        let start = Array(signature.prefix(Self.signatureLength))
        if start.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if start.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if start.starts(with: Array("RIFF".utf8)), start.dropFirst(8).elementsEqual("WEBP".utf8) {
            self = .webp
        } else if start.starts(with: Array("GIF87a".utf8)) || start.starts(with: Array("GIF89a".utf8)) {
            self = .gif
        } else {
            return nil
        }
    }

    /// How people write it.
    var name: String {
        switch self {
        case .jpeg: "JPEG"
        case .png: "PNG"
        case .webp: "WebP"
        case .gif: "GIF"
        }
    }
}
