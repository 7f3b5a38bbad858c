// SPDX-License-Identifier: Apache-2.0

import CVips

/// libvips, set up once per process.
///
/// Only the four decoders of ``ImageFormat`` can be reached, and only through a ``VipsInput``: all other loaders are
/// blocked, so no file can bring an unexpected one into play. A job uses one thread, and nothing is cached between
/// jobs.
enum VipsRuntime {
    private static let startFault: String? = {
        guard millrace_vips_start() == 0 else { return takeMessage() }
        vips_concurrency_set(1)
        vips_cache_set_max(0)
        vips_cache_set_max_mem(0)
        vips_cache_set_max_files(0)
        vips_block_untrusted_set(1)
        vips_operation_block_set("VipsForeignLoad", 1)
        for loader in ["Jpeg", "Png", "Webp", "Nsgif"] { vips_operation_block_set("VipsForeignLoad\(loader)Source", 0) }
        return nil
    }()

    static func start() throws(ImageError) {
        if let startFault { throw ImageError(.failed, "libvips does not start: \(startFault)") }
    }

    /// libvips's own words for what went wrong, cut and on one line.
    ///
    /// It collects them for the whole process: when two images fail at the same moment, one may be told the other's as
    /// well.
    static func takeMessage() -> String {
        guard let buffer = vips_error_buffer_copy() else { return "" }
        defer { g_free(buffer) }
        let printable = String(cString: buffer).unicodeScalars.map { 0x20..<0x7F ~= $0.value ? Character($0) : " " }
        return String(printable.prefix(300)).split(separator: " ").joined(separator: " ")
    }
}

/// An image of libvips, given back with the last reference to it.
final class VipsPicture {
    let pointer: UnsafeMutablePointer<VipsImage>

    init(_ pointer: UnsafeMutablePointer<VipsImage>) {
        self.pointer = pointer
    }

    deinit { g_object_unref(pointer) }

    var width: Int { Int(vips_image_get_width(pointer)) }
    var height: Int { Int(vips_image_get_height(pointer)) }
    var bands: Int { Int(vips_image_get_bands(pointer)) }
    var hasColourProfile: Bool { vips_image_get_typeof(pointer, "icc-profile-data") != 0 }
    var isCMYK: Bool { vips_image_get_interpretation(pointer) == VIPS_INTERPRETATION_CMYK }
    /// Width and height change places when it is turned upright.
    var isOnItsSide: Bool { vips_image_get_orientation_swap(pointer) != 0 }

    /// Runs one operation; nil when it fails.
    static func make(
        _ operation: (UnsafeMutablePointer<UnsafeMutablePointer<VipsImage>?>) -> Int32
    ) -> VipsPicture? {
        var result: UnsafeMutablePointer<VipsImage>?
        let status = operation(&result)
        guard let result else { return nil }
        let picture = VipsPicture(result)
        return status == 0 ? picture : nil
    }

    /// Computes all pixels; nil when that fails.
    func computed() -> VipsPicture? {
        vips_image_copy_memory(pointer).map(VipsPicture.init)
    }

    /// Forgets all that came with the pixels: EXIF with its place, XMP, IPTC, the colour profile, comments.
    func removeMetadata() {
        guard let fields = vips_image_get_fields(pointer) else { return }
        defer { g_strfreev(fields) }
        var next = fields
        while let field = next.pointee {
            // What makes the image itself, such as its width, cannot be removed.
            vips_image_remove(pointer, field)
            next += 1
        }
    }

    /// The image as a file; nil when it cannot be encoded.
    func encoded(as suffix: String) -> [UInt8]? {
        var buffer: UnsafeMutableRawPointer?
        var length = 0
        guard millrace_vips_write(pointer, suffix, &buffer, &length) == 0, let buffer else { return nil }
        defer { g_free(buffer) }
        return Array(UnsafeRawBufferPointer(start: buffer, count: length))
    }
}
