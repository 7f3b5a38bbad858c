// SPDX-License-Identifier: Apache-2.0

/// Single bytes out of a blob, through one buffer.
struct ImageBytes {
    private static let windowLength = 64 * 1024

    private let reader: any BlobReader
    private var window: [UInt8] = []
    private var start: Int64 = 0

    init(_ reader: any BlobReader) {
        self.reader = reader
    }

    var count: Int64 { reader.size }

    /// nil behind the end.
    mutating func byte(at offset: Int64) throws -> UInt8? {
        guard try load(offset) else { return nil }
        return window[Int(offset - start)]
    }

    /// - Throws: ``ImageError`` when the blob ends before.
    mutating func take(_ count: Int, at offset: Int64) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<Int64(count) {
            guard let byte = try byte(at: offset + index) else {
                throw ImageError(.corrupt, "it ends within its header")
            }
            bytes.append(byte)
        }
        return bytes
    }

    /// Where a byte of this value comes next, from an offset on; nil when it does not.
    mutating func find(_ value: UInt8, from offset: Int64) throws -> Int64? {
        var offset = offset
        while try load(offset) {
            if let index = window[Int(offset - start)...].firstIndex(of: value) { return start + Int64(index) }
            offset = start + Int64(window.count)
        }
        return nil
    }

    private mutating func load(_ offset: Int64) throws -> Bool {
        if offset >= start, offset < start + Int64(window.count) { return true }
        guard offset >= 0, offset < reader.size else { return false }
        var bytes = [UInt8](repeating: 0, count: Self.windowLength)
        let read = try bytes.withUnsafeMutableBytes { try reader.read(into: $0, at: offset) }
        bytes.removeLast(Self.windowLength - read)
        (window, start) = (bytes, offset)
        return read > 0
    }
}
