// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What decoding an image will take, learnt before any decoder sees it.
enum DecodingCost {
    /// For the decoders' own tables and the variants, as measured at the peak.
    static let baseBytes = 160 << 20

    /// Bytes of memory, roughly and at most.
    /// - Throws: ``ImageError`` with `.corrupt` for a JPEG of more scans than anybody needs; what `reader` throws.
    static func bytes(of header: ImageHeader, in reader: any BlobReader) throws -> Int {
        guard header.format == .jpeg else { return baseBytes + header.pixels * header.heldBytesPerPixel }
        var bytes = ImageBytes(reader)
        var segments = JPEGSegments()
        let scans = try segments.scanCount(&bytes, upTo: PhotoLimits.scansMax + 1)
        guard scans <= PhotoLimits.scansMax else {
            throw ImageError(.corrupt, "over \(PhotoLimits.scansMax) scans")
        }
        return baseBytes + (scans > 1 ? header.pixels * header.heldBytesPerPixel : 0)
    }
}

/// How much memory the decoders of this process may take together.
final class DecodingBudget: Sendable {
    private let limit: Int
    private let used = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// What is to be given back; nil when there is too little left now. What exceeds the whole budget has it for
    /// itself.
    func take(_ bytes: Int) -> Int? {
        let wanted = min(bytes, limit)
        return used.withLock { used in
            guard used + wanted <= limit else { return nil }
            used += wanted
            return wanted
        }
    }

    func giveBack(_ bytes: Int) {
        used.withLock { $0 -= bytes }
    }
}
