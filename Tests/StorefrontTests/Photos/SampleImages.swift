// SPDX-License-Identifier: Apache-2.0

import CVips
import Testing

@testable import Storefront

/// A small picture out of colours.
struct SamplePicture {
    typealias Colour = [UInt8]

    static let red: Colour = [255, 0, 0]
    static let green: Colour = [0, 255, 0]
    static let blue: Colour = [0, 0, 255]
    static let white: Colour = [255, 255, 255]

    let width: Int
    let height: Int
    /// One to four bytes each, line by line.
    private(set) var pixels: [Colour]

    init(_ width: Int, _ height: Int, _ colour: (Int, Int) -> Colour) {
        self.width = width
        self.height = height
        pixels = (0..<height).flatMap { y in (0..<width).map { x in colour(x, y) } }
    }

    subscript(_ x: Int, _ y: Int) -> Colour { pixels[y * width + x] }

    /// A quarter each: red and green above, blue and white below.
    static func corners(_ width: Int = 96, _ height: Int = 64) -> SamplePicture {
        SamplePicture(width, height) { x, y in
            switch (x < width / 2, y < height / 2) {
            case (true, true): red
            case (false, true): green
            case (true, false): blue
            case (false, false): white
            }
        }
    }

    static func noise(_ width: Int, _ height: Int, channels: Int = 3, seed: UInt64 = 1) -> SamplePicture {
        var state = seed
        return SamplePicture(width, height) { _, _ in
            (0..<channels).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
        }
    }

    /// As a camera stores it that was held so: EXIF 2.32, tag 0x0112, says where the stored first line and column
    /// belong.
    func stored(orientation: Int) -> SamplePicture {
        let (right, bottom) = (width - 1, height - 1)
        return switch orientation {
        case 2: SamplePicture(width, height) { self[right - $0, $1] }
        case 3: SamplePicture(width, height) { self[right - $0, bottom - $1] }
        case 4: SamplePicture(width, height) { self[$0, bottom - $1] }
        case 5: SamplePicture(height, width) { self[$1, $0] }
        case 6: SamplePicture(height, width) { self[right - $1, $0] }
        case 7: SamplePicture(height, width) { self[right - $1, bottom - $0] }
        case 8: SamplePicture(height, width) { self[$1, bottom - $0] }
        default: self
        }
    }

    /// As a file, such as `.jpg[Q=95]`.
    func encoded(_ suffix: String) throws -> [UInt8] {
        try VipsRuntime.start()
        let bytes = pixels.flatMap(\.self)
        let image = try #require(
            vips_image_new_from_memory_copy(
                bytes, bytes.count, Int32(width), Int32(height), Int32(pixels[0].count), VIPS_FORMAT_UCHAR))
        let picture = VipsPicture(image)
        return try #require(picture.encoded(as: suffix), "\(VipsRuntime.takeMessage())")
    }

    /// Decodes a file.
    init(decoding file: [UInt8]) throws {
        let input = try VipsInput(BytesReader(file)) { false }
        let image = VipsPicture(try #require(millrace_vips_open(input.source), "\(VipsRuntime.takeMessage())"))
        let (width, height, bands) = (image.width, image.height, image.bands)
        var size = 0
        let memory = try #require(vips_image_write_to_memory(image.pointer, &size), "\(VipsRuntime.takeMessage())")
        defer { g_free(memory) }
        let bytes = Array(UnsafeRawBufferPointer(start: memory, count: size))
        #expect(size == width * height * bands)
        self.init(width, height) { x, y in
            let start = (y * width + x) * bands
            return Array(bytes[start..<start + bands])
        }
        withExtendedLifetime(input) {}
    }

    /// Whether a pixel is of a colour, but for what lossy encoding does to it.
    func isNear(_ colour: Colour, _ x: Int, _ y: Int) -> Bool {
        zip(self[x, y], colour).allSatisfy { abs(Int($0) - Int($1)) <= 24 }
    }
}

/// A file in memory.
final class BytesReader: BlobReader {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var size: Int64 { Int64(bytes.count) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        guard offset < size else { return 0 }
        let part = bytes[Int(offset)..<min(bytes.count, Int(offset) + buffer.count)]
        buffer.copyBytes(from: part)
        return part.count
    }
}

/// Files built byte by byte.
enum SampleFile {
    /// What must never come out again.
    static let secret = "TAKEN-AT-HOME"

    /// A JPEG with a place, an orientation, a maker's note and XMP, as phones write them.
    static func phoneJPEG(_ upright: SamplePicture = .corners(), orientation: Int = 1) throws -> [UInt8] {
        let plain = try upright.stored(orientation: orientation).encoded(".jpg[Q=95,no_subsample,strip]")
        let xmp = Array("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>\(secret)</x:xmpmeta>".utf8)
        var file = plain
        file.insert(contentsOf: segment(0xFE, Array(secret.utf8)), at: 2)
        file.insert(contentsOf: segment(0xE1, xmp), at: 2)
        file.insert(contentsOf: segment(0xE1, Array("Exif\0\0".utf8) + exif(orientation: orientation)), at: 2)
        return file
    }

    static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, marker] + UInt16(content.count + 2).bigEndianBytes + content
    }

    /// TIFF, big end first: a description and the orientation; then the place.
    static func exif(orientation: Int) -> [UInt8] {
        let text = Array(secret.utf8) + [0]
        func entry(_ tag: UInt16, _ type: UInt16, _ count: UInt32, _ value: [UInt8]) -> [UInt8] {
            tag.bigEndianBytes + type.bigEndianBytes + count.bigEndianBytes + value
        }
        let place = 8 + 2 + 3 * 12 + 4
        let values = place + 2 + 2 * 12 + 4
        let first =
            UInt16(3).bigEndianBytes
            + entry(0x010E, 2, UInt32(text.count), UInt32(values + 24).bigEndianBytes)
            + entry(0x0112, 3, 1, UInt16(orientation).bigEndianBytes + [0, 0])
            + entry(0x8825, 4, 1, UInt32(place).bigEndianBytes) + [0, 0, 0, 0]
        let gps =
            UInt16(2).bigEndianBytes + entry(0x0001, 2, 2, Array("N\0\0\0".utf8))
            + entry(0x0002, 5, 3, UInt32(values).bigEndianBytes) + [0, 0, 0, 0]
        let latitude = [52, 1, 31, 1, 7, 1].flatMap { UInt32($0).bigEndianBytes }
        return Array("MM\0*\0\0\0\u{8}".utf8) + first + gps + latitude + text
    }

    /// A PNG of one plain colour channel that says what size it is, whatever its data says.
    static func png(width: UInt32, height: UInt32, interlaced: Bool = false) -> [UInt8] {
        let header =
            width.bigEndianBytes + height.bigEndianBytes + [8, 0, 0, 0, interlaced ? 1 : 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", header)
            // A zlib stream of one stored block with one line of one pixel.
            + chunk("IDAT", [0x78, 0x01, 0x01, 0x02, 0x00, 0xFD, 0xFF, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01])
            + chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + content
        return UInt32(content.count).bigEndianBytes + body + checksum(body).bigEndianBytes
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { value, byte in
            (0..<8).reduce(value ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
    }

    /// The chunks of a WebP file.
    static func webpChunks(_ file: [UInt8]) -> [String] {
        var names: [String] = []
        var offset = 12
        while offset + 8 <= file.count {
            names.append(String(decoding: file[offset..<offset + 4], as: UTF8.self))
            let length = (0..<4).reduce(0) { $0 | Int(file[offset + 4 + $1]) << (8 * $1) }
            offset += 8 + length + length % 2
        }
        return names
    }
}

extension FixedWidthInteger {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension [UInt8] {
    func contains(text: String) -> Bool {
        let wanted = Array(text.utf8)
        return indices.contains { self[$0...].starts(with: wanted) }
    }
}
