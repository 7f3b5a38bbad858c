// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Storefront

@Suite("ImageHeader") struct ImageHeaderTests {
    @Test(arguments: [
        (".jpg", ImageFormat.jpeg), (".jpg[interlace]", .jpeg), (".png", .png), (".png[interlace]", .png),
        (".webp", .webp), (".webp[lossless]", .webp), (".gif", .gif),
    ])
    func `a file tells its kind and its size`(suffix: String, format: ImageFormat) throws {
        let file = try SamplePicture.corners(90, 70).encoded(suffix)

        #expect(ImageFormat(signature: file) == format)
        let header = try ImageHeader.read(format, from: BytesReader(file))
        #expect(header.width == 90)
        #expect(header.height == 70)
    }

    @Test func `a WebP with an alpha channel or a profile tells the size of its canvas`() throws {
        let picture = SamplePicture(33, 44) { x, y in [UInt8(x), UInt8(y), 0, UInt8(x * 7 % 256)] }
        let file = try picture.encoded(".webp[profile=srgb]")

        #expect(SampleFile.webpChunks(file).first == "VP8X")
        let header = try ImageHeader.read(.webp, from: BytesReader(file))
        #expect(header.width == 33)
        #expect(header.height == 44)
    }

    @Test func `a JPEG's header is found behind a photo's metadata`() throws {
        var file = try SampleFile.phoneJPEG(.corners(120, 80))
        let filler = SampleFile.segment(0xE2, Array(repeating: 0xFF, count: 65_000))
        for _ in 0..<20 { file.insert(contentsOf: filler, at: 2) }

        let header = try ImageHeader.read(.jpeg, from: BytesReader(file))

        #expect(header.width == 120)
        #expect(header.height == 80)
    }

    @Test(arguments: [
        "<svg xmlns='http://www.w3.org/2000/svg'/>", "<?xml version='1.0'?><svg/>", "%PDF-1.7", "II*\0", "MM\0*",
        "\0\0\0\u{18}ftypheic", "\0\0\0\u{18}ftypavif", "GIF88a......", "RIFF....WAVE", "BM......", "#!/bin/sh", "",
    ])
    func `other kinds are refused`(start: String) {
        #expect(ImageFormat(signature: Array(start.utf8)) == nil)
    }

    @Test(arguments: ImageFormat.allCases)
    func `a file that ends anywhere in its header is refused`(format: ImageFormat) throws {
        let file = try SamplePicture.corners(64, 64).encoded(".\(format == .jpeg ? "jpg" : format.rawValue)")

        for length in 0..<10 {
            #expect(throws: ImageError.self) {
                try ImageHeader.read(format, from: BytesReader(Array(file.prefix(length))))
            }
        }
    }

    @Test func `a size of nothing is refused`() {
        let file = SampleFile.png(width: 0, height: 10)

        #expect(throws: ImageError.self) { try ImageHeader.read(.png, from: BytesReader(file)) }
    }

    @Test func `a bomb's size is read as it says`() throws {
        let header = try ImageHeader.read(.png, from: BytesReader(SampleFile.png(width: 50_000, height: 50_000)))

        #expect(header.pixels == 2_500_000_000)
    }

    @Test func `what decoding takes is known beforehand`() throws {
        let picture = SamplePicture.noise(500, 400)
        func cost(_ suffix: String) throws -> Int {
            let reader = BytesReader(try picture.encoded(suffix))
            var bytes = ImageBytes(reader)
            let format = try #require(ImageFormat(signature: try bytes.take(12, at: 0)))
            return try DecodingCost.bytes(of: try .read(format, from: reader), in: reader) - DecodingCost.baseBytes
        }

        #expect(try cost(".jpg") == 0)
        #expect(try cost(".jpg[interlace]") == 500 * 400 * 6)
        #expect(try cost(".png") == 0)
        #expect(try cost(".png[interlace]") == 500 * 400 * 4)
        #expect(try cost(".webp") > 0)
    }

    @Test func `a JPEG of very many scans is refused before any decoder sees it`() throws {
        let file = try SamplePicture.noise(64, 64).encoded(".jpg[interlace]")
        let reader = BytesReader(file)
        let header = try ImageHeader.read(.jpeg, from: reader)
        let scan = SampleFile.segment(0xDA, [1, 1, 0, 1, 5, 0]) + [0x00]
        let bomb = Array(file.dropLast(2)) + (0..<200).flatMap { _ in scan } + Array(file.suffix(2))

        #expect(throws: ImageError.self) { try DecodingCost.bytes(of: header, in: BytesReader(bomb)) }
    }

    @Test func `the budget lets one in that is larger than all of it`() {
        let budget = DecodingBudget(limit: 100)

        #expect(budget.take(60) == 60)
        #expect(budget.take(60) == nil)
        #expect(budget.take(40) == 40)
        budget.giveBack(60)
        budget.giveBack(40)
        #expect(budget.take(1000) == 100)
        #expect(budget.take(1) == nil)
    }
}
