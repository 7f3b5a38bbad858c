// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import Storefront

@Suite("PhotoRenderer") struct PhotoRendererTests {
    private static func render(_ file: [UInt8]) throws -> RenderedPhoto {
        try PhotoRenderer.render(BytesReader(file)) { false }
    }

    /// The one for the smallest box.
    private static func picture(_ photo: RenderedPhoto) throws -> SamplePicture {
        try SamplePicture(decoding: photo.variants[0].bytes)
    }

    private static func expectCorners(_ shown: SamplePicture) {
        let (right, bottom) = (shown.width - 5, shown.height - 5)
        #expect(shown.isNear(SamplePicture.red, 4, 4))
        #expect(shown.isNear(SamplePicture.green, right, 4))
        #expect(shown.isNear(SamplePicture.blue, 4, bottom))
        #expect(shown.isNear(SamplePicture.white, right, bottom))
    }

    @Test(arguments: 1...8)
    func `a photo is turned upright`(orientation: Int) throws {
        let photo = try Self.render(try SampleFile.phoneJPEG(orientation: orientation))

        #expect(photo.width == 96)
        #expect(photo.height == 64)
        for variant in photo.variants {
            let shown = try SamplePicture(decoding: variant.bytes)
            #expect(shown.width == 96 && shown.height == 64)
            #expect(variant.width == 96 && variant.height == 64)
            Self.expectCorners(shown)
        }
    }

    @Test(arguments: 1...8)
    func `a large photo is turned upright while it is shrunk`(orientation: Int) throws {
        let photo = try Self.render(try SampleFile.phoneJPEG(.corners(2200, 150), orientation: orientation))

        #expect(photo.width == 2200)
        #expect(photo.height == 150)
        #expect(photo.variants.map(\.box) == [256, 1024, 2048])
        #expect(photo.variants.map(\.width) == [256, 1024, 2048])
        #expect(photo.variants.map(\.height) == [18, 70, 140])
        for variant in photo.variants { Self.expectCorners(try SamplePicture(decoding: variant.bytes)) }
    }

    @Test func `the place where it was taken is gone, with all other metadata`() throws {
        let file = try SampleFile.phoneJPEG(orientation: 6)
        #expect(file.contains(text: SampleFile.secret))

        for variant in try Self.render(file).variants {
            #expect(!variant.bytes.contains(text: SampleFile.secret))
            #expect(!variant.bytes.contains(text: "Exif"))
            #expect(Set(SampleFile.webpChunks(variant.bytes)).isDisjoint(with: ["EXIF", "XMP ", "ICCP"]))
        }
    }

    @Test func `a colour profile is applied, and dropped`() throws {
        // The purest red of Display P3 lies outside of sRGB; a red of less saturation is another number in each.
        let wide = SamplePicture(64, 64) { _, _ in [180, 60, 60] }
        let plain = try Self.picture(try Self.render(try wide.encoded(".png")))
        let converted = try Self.picture(try Self.render(try wide.encoded(".png[profile=p3]")))

        #expect(plain.isNear([180, 60, 60], 32, 32))
        #expect(converted[32, 32][0] >= 186)
        #expect(converted[32, 32][1] <= 56)
    }

    @Test(arguments: [".png", ".webp[lossless]", ".gif", ".png[interlace]", ".jpg[interlace,Q=95]"])
    func `each kind is taken`(suffix: String) throws {
        let photo = try Self.render(try SamplePicture.corners().encoded(suffix))

        Self.expectCorners(try Self.picture(photo))
    }

    @Test func `transparency stays`() throws {
        let picture = SamplePicture(64, 64) { x, _ in [10, 200, 10, x < 32 ? 0 : 255] }

        let shown = try Self.picture(try Self.render(try picture.encoded(".png")))

        #expect(shown[5, 5].count == 4)
        #expect(shown[5, 5][3] == 0)
        #expect(shown[60, 5][3] == 255)
    }

    @Test(arguments: [1, 2])
    func `shades of grey are taken`(channels: Int) throws {
        let picture = SamplePicture(40, 40) { x, _ in [UInt8(x * 6), 255].prefix(channels).map(\.self) }

        let shown = try Self.picture(try Self.render(try picture.encoded(".png")))

        #expect(shown.isNear([120, 120, 120], 20, 20))
    }

    @Test func `nothing is enlarged, and the longest side counts`() throws {
        let small = try Self.render(try SamplePicture.corners(20, 10).encoded(".png"))
        let tall = try Self.render(try SamplePicture.corners(300, 1200).encoded(".png"))
        let line = try Self.render(try SamplePicture.noise(5000, 1).encoded(".png"))

        #expect(small.variants.allSatisfy { $0.width == 20 && $0.height == 10 })
        #expect(tall.variants.map(\.height) == [256, 1024, 1200])
        #expect(tall.variants.map(\.width) == [64, 256, 300])
        #expect(line.variants.map(\.height) == [1, 1, 1])
    }

    @Test func `equal originals give equal files`() throws {
        let file = try SamplePicture.noise(300, 200).encoded(".jpg")

        #expect(try Self.render(file).variants.map(\.bytes) == Self.render(file).variants.map(\.bytes))
    }

    @Test(arguments: [".jpg", ".jpg[interlace]", ".png", ".png[interlace]", ".webp", ".webp[lossless]", ".gif"])
    func `a file that is cut off is corrupt`(suffix: String) throws {
        let file = try SamplePicture.noise(200, 200).encoded(suffix)

        for part in [0, 3, 40, file.count / 4, file.count / 2, file.count * 9 / 10] {
            let error = #expect(throws: ImageError.self) { try Self.render(Array(file.prefix(part))) }
            #expect(error?.code == .corrupt)
        }
    }

    @Test(arguments: [".jpg", ".jpg[interlace]", ".png", ".webp", ".gif"])
    func `garbage after a good header is corrupt`(suffix: String) throws {
        var file = try SamplePicture.noise(300, 300).encoded(suffix)
        var generator = SplitMix64(seed: 7)
        for index in (file.count / 3)..<file.count { file[index] = UInt8.random(in: .min ... .max, using: &generator) }

        let error = #expect(throws: ImageError.self) { try Self.render(file) }

        #expect(error?.code == .corrupt)
        #expect(error?.description.isEmpty == false)
    }

    @Test func `a bomb is refused by its header`() throws {
        for file in [SampleFile.png(width: 50_000, height: 50_000), SampleFile.png(width: 2_000_000_000, height: 1)] {
            #expect(throws: ImageError.self) { try Self.render(file) }
        }
    }

    @Test(arguments: [
        "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect width='9' height='9'/></svg>",
        "%PDF-1.7\n1 0 obj", "P3\n1 1\n255\n1 2 3\n", "GIF89a=1;alert('polyglot')", "#?RADIANCE\n\n-Y 1 +X 1\n",
        "SIMPLE  =                    T", "id=MagickCore\nrows=1\ncolumns=1\n\u{c}\n",
    ])
    func `no other loader can be reached`(text: String) {
        #expect(throws: ImageError.self) { try Self.render(Array(text.utf8)) }
    }

    @Test func `a file that is two things at once comes out as an image alone`() throws {
        let file = try SamplePicture.corners().encoded(".png") + Array("<script>alert(1)</script>PK\u{3}\u{4}".utf8)

        let photo = try Self.render(file)

        #expect(photo.variants.allSatisfy { !$0.bytes.contains(text: "script") })
    }

    @Test func `it stops when nobody wants it any more`() throws {
        let file = try SamplePicture.noise(500, 500).encoded(".jpg")

        let error = #expect(throws: ImageError.self) { try PhotoRenderer.render(BytesReader(file)) { true } }

        #expect(error?.code == .cancelled)
    }

    @Test func `a broken disk is not a broken photo`() throws {
        let file = try SamplePicture.noise(500, 500).encoded(".jpg")

        #expect(throws: BlobError.self) {
            try PhotoRenderer.render(FailingReader(file, from: file.count / 2)) { false }
        }
    }

    @Test(arguments: [".jpg", ".jpg[interlace]", ".png", ".png[interlace]", ".webp", ".webp[lossless]", ".gif"])
    func `no damage brings the process down`(suffix: String) throws {
        let seed = SplitMix64.seedFromEnvironment()
        var generator = SplitMix64(seed: seed)
        let whole = try SamplePicture.noise(60, 50, seed: seed).encoded(suffix)

        for _ in 0..<120 {
            var file = whole
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                let index = Int.random(in: 0..<file.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: file[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: file[index] = [0x00, 0xFF, 0x7F, 0x80].randomElement(using: &generator) ?? 0
                case 2: file.removeSubrange(index..<min(file.count - 1, index + 3))
                default: file.insert(contentsOf: file[index..<min(file.count, index + 9)], at: index)
                }
            }
            do {
                let photo = try Self.render(file)
                #expect(photo.variants.count == 3, "seed \(seed)")
            } catch {
                #expect(error is ImageError, "seed \(seed)")
            }
        }
    }

    @Test func `a GIF whose picture is larger than its header says is refused before it is decoded`() throws {
        var file = try SamplePicture.corners(64, 64).encoded(".gif")
        file.replaceSubrange(6..<10, with: [1, 0, 1, 0])
        let header = try ImageHeader.read(.gif, from: BytesReader(file))
        #expect(header.pixels == 1)

        let error = #expect(throws: ImageError.self) {
            try PhotoRenderer.render(BytesReader(file), pixelsMax: header.pixels) { false }
        }
        #expect(error?.code == .corrupt)
    }
}

/// A file of which a part cannot be read.
private final class FailingReader: BlobReader {
    private let whole: BytesReader
    private let limit: Int64

    init(_ bytes: [UInt8], from limit: Int) {
        whole = BytesReader(bytes)
        self.limit = Int64(limit)
    }

    var size: Int64 { whole.size }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        guard offset + Int64(buffer.count) <= limit else { throw BlobError(.failed, "the disk is broken") }
        return try whole.read(into: buffer, at: offset)
    }
}
