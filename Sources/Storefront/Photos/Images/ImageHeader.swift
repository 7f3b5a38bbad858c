// SPDX-License-Identifier: Apache-2.0

/// What an image's header says, read without any decoder: cheap and safe enough for bytes that a stranger has just
/// sent.
struct ImageHeader: Sendable, Equatable {
    let format: ImageFormat
    /// As stored, before the orientation is applied.
    let width: Int
    let height: Int
    /// Bytes that a decoder has to hold for each pixel until the last one was read; 0 where it can work from line to
    /// line.
    let heldBytesPerPixel: Int

    var pixels: Int { width * height }

    /// - Throws: ``ImageError`` with `.corrupt`, for a header that is no such format's or of no size; what `reader`
    ///   throws.
    static func read(_ format: ImageFormat, from reader: any BlobReader) throws -> ImageHeader {
        var bytes = ImageBytes(reader)
        let header =
            switch format {
            case .jpeg: try jpeg(&bytes)
            case .png: try png(&bytes)
            case .webp: try webp(&bytes)
            case .gif: try gif(&bytes)
            }
        guard header.width > 0, header.height > 0 else {
            throw ImageError(.corrupt, "the header says that it has \(header.width)×\(header.height) pixels")
        }
        return header
    }

    private static func jpeg(_ bytes: inout ImageBytes) throws -> ImageHeader {
        var segments = JPEGSegments()
        while let segment = try segments.next(&bytes) {
            switch segment.marker {
            // Baseline, extended and progressive; what else there is no browser shows.
            case 0xC0, 0xC1, 0xC2:
                let frame = try bytes.take(6, at: segment.start)
                guard frame[0] == 8 else { throw ImageError(.corrupt, "a JPEG of \(frame[0]) bits a sample") }
                guard [1, 3, 4].contains(frame[5]) else {
                    throw ImageError(.corrupt, "a JPEG of \(frame[5]) components")
                }
                // Each scan adds to coefficients of two bytes; a single one need not keep them.
                return ImageHeader(
                    format: .jpeg, width: frame.bigEndian(3, 2), height: frame.bigEndian(1, 2),
                    heldBytesPerPixel: 2 * Int(frame[5]))
            case 0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                throw ImageError(.corrupt, "a JPEG of a rare kind (lossless, hierarchical or arithmetic)")
            case 0xDA, 0xD9: throw ImageError(.corrupt, "the image data comes before the frame's header")
            default: break
            }
        }
        throw ImageError(.corrupt, "there is no frame header")
    }

    private static func png(_ bytes: inout ImageBytes) throws -> ImageHeader {
        let chunk = try bytes.take(25, at: 8)
        guard chunk.prefix(8).elementsEqual([0, 0, 0, 13] + Array("IHDR".utf8)) else {
            throw ImageError(.corrupt, "its first chunk is not IHDR")
        }
        // With the alpha that a transparent colour brings along.
        let channels = [0: 2, 2: 4, 3: 4, 4: 2, 6: 4][Int(chunk[17])]
        guard let channels, [1, 2, 4, 8, 16].contains(chunk[16]), chunk[18] == 0, chunk[19] == 0, chunk[20] <= 1 else {
            throw ImageError(.corrupt, "IHDR names no kind of PNG that there is")
        }
        let (width, height) = (chunk.bigEndian(8, 4), chunk.bigEndian(12, 4))
        guard width <= Int32.max, height <= Int32.max else { throw ImageError(.corrupt, "a side of over 2³¹ pixels") }
        return ImageHeader(
            format: .png, width: width, height: height,
            heldBytesPerPixel: chunk[20] == 1 ? channels * (chunk[16] == 16 ? 2 : 1) : 0)
    }

    private static func gif(_ bytes: inout ImageBytes) throws -> ImageHeader {
        let screen = try bytes.take(4, at: 6)
        return ImageHeader(
            format: .gif, width: screen.littleEndian(0, 2), height: screen.littleEndian(2, 2), heldBytesPerPixel: 8)
    }

    private static func webp(_ bytes: inout ImageBytes) throws -> ImageHeader {
        let chunk = try bytes.take(20, at: 12)
        let (width, height): (Int, Int)
        switch String(decoding: chunk.prefix(4), as: UTF8.self) {
        case "VP8 ":
            guard chunk[11...13].elementsEqual([0x9D, 0x01, 0x2A]) else {
                throw ImageError(.corrupt, "the VP8 frame has no start code")
            }
            (width, height) = (chunk.littleEndian(14, 2) & 0x3FFF, chunk.littleEndian(16, 2) & 0x3FFF)
        case "VP8L":
            guard chunk[8] == 0x2F else { throw ImageError(.corrupt, "the VP8L frame has no signature") }
            let packed = chunk.littleEndian(9, 4)
            (width, height) = (packed & 0x3FFF + 1, packed >> 14 & 0x3FFF + 1)
        case "VP8X":
            (width, height) = (chunk.littleEndian(12, 3) + 1, chunk.littleEndian(15, 3) + 1)
        default:
            throw ImageError(.corrupt, "its first chunk is none of VP8, VP8L and VP8X")
        }
        return ImageHeader(format: .webp, width: width, height: height, heldBytesPerPixel: 8)
    }
}

extension [UInt8] {
    fileprivate func bigEndian(_ start: Int, _ count: Int) -> Int {
        self[start..<start + count].reduce(0) { $0 << 8 | Int($1) }
    }

    fileprivate func littleEndian(_ start: Int, _ count: Int) -> Int {
        self[start..<start + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
