// SPDX-License-Identifier: Apache-2.0

/// Goes through a JPEG from marker to marker (ISO/IEC 10918-1, annex B), without decoding anything.
struct JPEGSegments {
    struct Segment {
        let marker: UInt8
        /// Of what follows the marker and the length.
        let start: Int64
    }

    /// No camera writes as many; a file of nothing but empty segments must not keep anybody busy.
    private static let segmentsMax = 20_000

    private var position: Int64 = 2
    private var count = 0

    /// The next segment; within image data, the one behind it. nil at the end of the file.
    mutating func next(_ bytes: inout ImageBytes) throws -> Segment? {
        while true {
            guard let marker = try marker(&bytes) else { return nil }
            count += 1
            guard count <= Self.segmentsMax else { throw ImageError(.corrupt, "over \(Self.segmentsMax) segments") }
            switch marker {
            // They stand alone: start of image, restarts, and one that means nothing.
            case 0xD8, 0xD0...0xD7, 0x01: continue
            case 0xD9: return Segment(marker: marker, start: position)
            default:
                guard let high = try bytes.byte(at: position), let low = try bytes.byte(at: position + 1) else {
                    return nil
                }
                let length = Int64(high) << 8 | Int64(low)
                guard length >= 2 else { throw ImageError(.corrupt, "a segment of \(length) bytes") }
                let segment = Segment(marker: marker, start: position + 2)
                position += length
                return segment
            }
        }
    }

    /// How many scans there are from here to the end of the image, counted up to a limit.
    mutating func scanCount(_ bytes: inout ImageBytes, upTo limit: Int) throws -> Int {
        var scans = 0
        while scans < limit, let segment = try next(&bytes) {
            if segment.marker == 0xD9 { break }
            guard segment.marker == 0xDA else { continue }
            scans += 1
            try skipData(&bytes)
        }
        return scans
    }

    private mutating func marker(_ bytes: inout ImageBytes) throws -> UInt8? {
        guard let first = try bytes.byte(at: position) else { return nil }
        guard first == 0xFF else { throw ImageError(.corrupt, "byte \(position) should be a marker") }
        repeat { position += 1 } while try bytes.byte(at: position) == 0xFF
        defer { position += 1 }
        return try bytes.byte(at: position)
    }

    /// Image data goes on up to a marker: an 0xFF that neither a zero nor a restart's number follows.
    private mutating func skipData(_ bytes: inout ImageBytes) throws {
        while let found = try bytes.find(0xFF, from: position) {
            guard let next = try bytes.byte(at: found + 1) else { break }
            switch next {
            case 0x00, 0xD0...0xD7: position = found + 2
            case 0xFF: position = found + 1
            default:
                position = found
                return
            }
        }
        position = bytes.count
    }
}
