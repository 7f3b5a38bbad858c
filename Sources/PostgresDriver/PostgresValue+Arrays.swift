// SPDX-License-Identifier: Apache-2.0

/// One-dimensional arrays in the binary form: dimensions, a null flag, the element's type, length, lower bound 1, then each
/// element's length (-1 for a null) and bytes. One array per column, for `unnest`, is what makes batches cheap.
extension PostgresValue {
    public static func boolArray(_ elements: [Bool?]) -> PostgresValue {
        array(elements, of: PostgresType.bool, PostgresType.boolArray, width: 1) { $0.append($1 ? 1 : 0) }
    }

    public static func int2Array(_ elements: [Int16?]) -> PostgresValue {
        integers(elements, of: PostgresType.int2, PostgresType.int2Array)
    }

    public static func int4Array(_ elements: [Int32?]) -> PostgresValue {
        integers(elements, of: PostgresType.int4, PostgresType.int4Array)
    }

    public static func int8Array(_ elements: [Int64?]) -> PostgresValue {
        integers(elements, of: PostgresType.int8, PostgresType.int8Array)
    }

    public static func float8Array(_ elements: [Double?]) -> PostgresValue {
        array(elements, of: PostgresType.float8, PostgresType.float8Array, width: 8) {
            $0.appendBigEndian($1.bitPattern)
        }
    }

    public static func textArray(_ elements: [String?]) -> PostgresValue {
        array(elements, of: PostgresType.text, PostgresType.textArray, width: 16) { $0.append(contentsOf: $1.utf8) }
    }

    public static func byteaArray(_ elements: [[UInt8]?]) -> PostgresValue {
        bytes(elements, of: PostgresType.bytea, PostgresType.byteaArray)
    }

    /// - Parameter elements: 16 bytes each.
    public static func uuidArray(_ elements: [[UInt8]?]) -> PostgresValue {
        bytes(elements, of: PostgresType.uuid, PostgresType.uuidArray)
    }

    public static func timestampArray(unixMicroseconds elements: [Int64?]) -> PostgresValue {
        array(elements, of: PostgresType.timestamptz, PostgresType.timestamptzArray, width: 8) {
            $0.appendBigEndian(serverMicroseconds($1))
        }
    }

    /// - Parameter elements: UTF-8 texts.
    public static func jsonArray(_ elements: [[UInt8]?]) -> PostgresValue {
        bytes(elements, of: PostgresType.json, PostgresType.jsonArray)
    }

    private static func integers<Element: FixedWidthInteger>(
        _ elements: [Element?], of oid: UInt32, _ arrayOID: UInt32
    ) -> PostgresValue {
        array(elements, of: oid, arrayOID, width: Element.bitWidth / 8) { $0.appendBigEndian($1) }
    }

    private static func bytes(_ elements: [[UInt8]?], of oid: UInt32, _ arrayOID: UInt32) -> PostgresValue {
        array(elements, of: oid, arrayOID, width: 16) { $0.append(contentsOf: $1) }
    }

    /// - Parameter width: what an element takes, roughly; only for the first allocation.
    private static func array<Element>(
        _ elements: [Element?], of oid: UInt32, _ arrayOID: UInt32, width: Int,
        append: (inout [UInt8], Element) -> Void
    ) -> PostgresValue {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + elements.count * (4 + width))
        bytes.appendBigEndian(Int32(elements.isEmpty ? 0 : 1))
        bytes.appendBigEndian(Int32(elements.contains { $0 == nil } ? 1 : 0))
        bytes.appendBigEndian(oid)
        if !elements.isEmpty {
            bytes.appendBigEndian(Int32(elements.count))
            bytes.appendBigEndian(Int32(1))
        }
        for element in elements {
            guard let element else {
                bytes.appendBigEndian(Int32(-1))
                continue
            }
            let start = bytes.count
            bytes.appendBigEndian(Int32(0))
            append(&bytes, element)
            bytes.setBigEndian(Int32(bytes.count - start - 4), at: start)
        }
        return PostgresValue(oid: arrayOID, bytes: bytes)
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func setBigEndian(_ value: Int32, at index: Int) {
        withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: index, as: Int32.self) }
    }
}
