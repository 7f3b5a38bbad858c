// SPDX-License-Identifier: Apache-2.0

import CVips

/// A photo as it is shown.
struct RenderedPhoto: Sendable {
    struct Variant: Sendable {
        let box: Int
        let width: Int
        let height: Int
        /// A WebP file.
        let bytes: [UInt8]
    }

    /// Of the original, upright.
    let width: Int
    let height: Int
    /// One for each of ``PhotoLimits/boxes``.
    let variants: [Variant]
}

/// Makes the variants of a photo: upright, in sRGB, without any metadata.
///
/// The original is decoded once, into the largest box; JPEG and WebP are shrunk while they are being decoded. The
/// smaller variants are made of the larger ones. Of an animation only the first picture is taken. A colour profile is
/// applied and then dropped, as are EXIF, XMP and IPTC, and with them the place where the photo was taken.
///
/// Equal originals give equal files, as long as libvips stays the same.
enum PhotoRenderer {
    /// 82 is where the eye sees no difference to the original on photos.
    private static let encoding = ".webp[Q=82]"

    /// Decodes and encodes, on the calling thread.
    /// - Parameter pixelsMax: what memory was set aside for; a GIF's frame may be larger than its header says.
    /// - Parameter isCancelled: asked whenever more bytes are read.
    /// - Throws: ``ImageError``; ``BlobError`` when the original cannot be read.
    static func render(
        _ reader: any BlobReader, pixelsMax: Int = PhotoLimits.pixelsMax, isCancelled: @escaping @Sendable () -> Bool
    ) throws -> RenderedPhoto {
        try VipsRuntime.start()
        let input = try VipsInput(reader, isCancelled: isCancelled)
        return try withExtendedLifetime(input) { try render(input, pixelsMax, isCancelled) }
    }

    private static func render(
        _ input: VipsInput, _ pixelsMax: Int, _ isCancelled: () -> Bool
    ) throws -> RenderedPhoto {
        guard let original = millrace_vips_open(input.source).map(VipsPicture.init) else { throw failure(of: input) }
        // Once more by the decoder's own reading of the header, which is what counts from here on.
        let (pixels, overflow) = original.width.multipliedReportingOverflow(by: original.height)
        guard !overflow, 1...pixelsMax ~= pixels, 1...4 ~= original.bands else {
            throw ImageError(
                .corrupt, "\(original.width)×\(original.height) pixels of \(original.bands) channels are not taken")
        }
        // Whatever libvips makes of a read that failed, the image is not whole.
        guard var picture = largest(input, original, PhotoLimits.boxes.max() ?? 1), input.isWhole else {
            throw failure(of: input)
        }
        picture.removeMetadata()
        var variants: [RenderedPhoto.Variant] = []
        for box in PhotoLimits.boxes.sorted(by: >) {
            if isCancelled() { throw ImageError(.cancelled, "cancelled while its variants were made") }
            let source = picture.pointer
            guard let fitting = VipsPicture.make({ millrace_vips_thumbnail_image(source, $0, Int32(box)) })?.computed(),
                let file = fitting.encoded(as: encoding)
            else { throw failure(of: input) }
            guard let bytes = WebPFile.onlyPixels(of: file) else {
                throw ImageError(.failed, "the encoder has written something else than WebP")
            }
            variants.append(.init(box: box, width: fitting.width, height: fitting.height, bytes: bytes))
            picture = fitting
        }
        let isOnItsSide = original.isOnItsSide
        return RenderedPhoto(
            width: isOnItsSide ? original.height : original.width,
            height: isOnItsSide ? original.width : original.height,
            variants: variants.sorted { $0.box < $1.box })
    }

    /// All of the original is decoded here.
    private static func largest(_ input: VipsInput, _ original: VipsPicture, _ box: Int) -> VipsPicture? {
        let shrunk = VipsPicture.make { millrace_vips_thumbnail_source(input.source, $0, Int32(box)) }?.computed()
        guard let shrunk else { return nil }
        // A profile of CMYK has been applied by then: the shrinking is done in RGB.
        guard shrunk.hasColourProfile, !original.isCMYK else { return shrunk }
        let source = shrunk.pointer
        let converted = VipsPicture.make { millrace_vips_to_srgb(source, $0) }?.computed()
        // A profile that cannot be applied must not cost anybody a photo.
        if converted == nil { _ = VipsRuntime.takeMessage() }
        return converted ?? shrunk
    }

    private static func failure(of input: VipsInput) -> any Error {
        let message = VipsRuntime.takeMessage()
        if let fault = input.fault { return fault }
        if input.wasCancelled { return ImageError(.cancelled, "cancelled while it was decoded") }
        // libvips has no codes: this is what its allocator says.
        if message.contains("out of memory") { return ImageError(.failed, message) }
        return ImageError(.corrupt, message.isEmpty ? "its data is damaged" : message)
    }
}
