// SPDX-License-Identifier: Apache-2.0

import CVips
import Foundation

/// A JPEG as a phone writes it: stored as the sensor saw it, with an orientation, a place and notes.
struct Photograph: Sendable {
    /// What must never come out again.
    static let secret = "TAKEN-AT-HOME"

    /// Upright.
    let width: Int
    let height: Int
    let file: Data

    /// - Parameters:
    ///   - orientation: 1 to 8, as EXIF counts them; from 5 on the sides change places.
    ///   - number: makes the file different from others.
    init(_ width: Int, _ height: Int, orientation: Int, number: Int) throws {
        self.width = width
        self.height = height
        var file = try Self.encoded(orientation < 5 ? (width, height) : (height, width), seed: UInt64(orientation))
        file.insert(contentsOf: Self.segment(0xFE, Array("\(Self.secret) \(number)".utf8)), at: 2)
        file.insert(contentsOf: Self.segment(0xE1, Array("Exif\0\0".utf8) + Self.exif(orientation)), at: 2)
        self.file = Data(file)
    }

    /// A PNG whose header names a size, whatever its data says.
    static func header(ofPNG width: UInt32, _ height: UInt32) -> Data {
        // The checksum does not matter to those who read the header alone.
        Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8))
            + Data(bigEndian(width) + bigEndian(height) + [8, 2, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Of a WebP file with an extended header, as the server's have one.
    static func size(ofWebP file: Data) -> (width: Int, height: Int)? {
        let bytes = Array(file.prefix(30))
        guard bytes.count == 30, bytes.starts(with: Array("RIFF".utf8)), bytes[12..<16] == ArraySlice("VP8X".utf8)
        else {
            return nil
        }
        func number(at start: Int) -> Int { (0..<3).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) } }
        return (number(at: 24) + 1, number(at: 27) + 1)
    }

    private struct NotEncoded: Error {}

    /// Smooth shapes with some grain, so that it compresses as a photo does.
    private static func encoded(_ size: (width: Int, height: Int), seed: UInt64) throws -> [UInt8] {
        guard millrace_vips_start() == 0 else { throw NotEncoded() }
        var state = seed
        let pixels = [UInt8](unsafeUninitializedCapacity: size.width * size.height * 3) { buffer, count in
            for y in 0..<size.height {
                for x in 0..<size.width {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    let grain = Int(state >> 60)
                    for (channel, value) in [x / 4 + grain, y / 4 + grain, (x + y) / 8 + grain].enumerated() {
                        buffer[count + channel] = UInt8(truncatingIfNeeded: value & 0xFF)
                    }
                    count += 3
                }
            }
        }
        guard
            let image = vips_image_new_from_memory_copy(
                pixels, pixels.count, Int32(size.width), Int32(size.height), 3, VIPS_FORMAT_UCHAR)
        else { throw NotEncoded() }
        defer { g_object_unref(image) }
        var buffer: UnsafeMutableRawPointer?
        var length = 0
        guard millrace_vips_write(image, ".jpg[Q=90,strip]", &buffer, &length) == 0, let buffer else {
            throw NotEncoded()
        }
        defer { g_free(buffer) }
        return Array(UnsafeRawBufferPointer(start: buffer, count: length))
    }

    private static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, marker] + bigEndian(UInt16(content.count + 2)) + content
    }

    /// TIFF, big end first: the orientation, then a latitude.
    private static func exif(_ orientation: Int) -> [UInt8] {
        func entry(_ tag: UInt16, _ type: UInt16, _ count: UInt32, _ value: [UInt8]) -> [UInt8] {
            bigEndian(tag) + bigEndian(type) + bigEndian(count) + value
        }
        let place: UInt32 = 8 + 2 + 2 * 12 + 4
        let first =
            bigEndian(UInt16(2)) + entry(0x0112, 3, 1, bigEndian(UInt16(orientation)) + [0, 0])
            + entry(0x8825, 4, 1, bigEndian(place)) + [0, 0, 0, 0]
        let latitude = [52, 1, 31, 1, 7, 1].flatMap { bigEndian(UInt32($0)) }
        let gps =
            bigEndian(UInt16(2)) + entry(0x0001, 2, 2, Array("N\0\0\0".utf8))
            + entry(0x0002, 5, 3, bigEndian(place + 2 + 2 * 12 + 4)) + [0, 0, 0, 0]
        return Array("MM\0*\0\0\0\u{8}".utf8) + first + gps + latitude
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
