// SPDX-License-Identifier: Apache-2.0

/// Reads big-endian values from a server's bytes; nil beyond their end, so that no answer can trap.
struct BinaryReader {
    private var bytes: UnsafeRawBufferPointer.SubSequence

    /// - Parameter bytes: must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes[...] }

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type = Integer.self) -> Integer? {
        guard let bytes = take(Integer.bitWidth / 8) else { return nil }
        return Integer(bigEndian: bytes.loadUnaligned(as: Integer.self))
    }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
    }

    /// The whole buffer as one integer; nil for another size.
    static func whole<Integer: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, _: Integer.Type = Integer.self
    ) -> Integer? {
        guard bytes.count == Integer.bitWidth / 8 else { return nil }
        return Integer(bigEndian: bytes.loadUnaligned(as: Integer.self))
    }

    /// The elements of an array of at most one dimension; nil if its bytes are malformed.
    static func array<Element>(
        _ bytes: UnsafeRawBufferPointer, decode: (_ oid: UInt32, UnsafeRawBufferPointer) -> Element?
    ) -> [Element?]? {
        var reader = BinaryReader(bytes)
        guard let dimensions: Int32 = reader.integer(), reader.integer(Int32.self) != nil,
            let oid: UInt32 = reader.integer()
        else { return nil }
        if dimensions == 0 { return reader.isAtEnd ? [] : nil }
        guard dimensions == 1, let count: Int32 = reader.integer(), count >= 0,
            reader.integer(Int32.self) != nil
        else { return nil }
        var elements: [Element?] = []
        // Each element takes at least its length's four bytes: a lying count cannot make this allocate much.
        elements.reserveCapacity(min(Int(count), bytes.count / 4))
        for _ in 0..<count {
            guard let length: Int32 = reader.integer() else { return nil }
            if length == -1 {
                elements.append(nil)
                continue
            }
            guard let element = reader.take(Int(length)), let value = decode(oid, element) else { return nil }
            elements.append(value)
        }
        return reader.isAtEnd ? elements : nil
    }
}
