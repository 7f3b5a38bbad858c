// SPDX-License-Identifier: Apache-2.0

extension PostgresRow {
    public func bool(_ column: PostgresColumn) throws(PostgresError) -> Bool {
        try value(column, "bool", Decode.bool)
    }

    public func boolIfPresent(_ column: PostgresColumn) throws(PostgresError) -> Bool? {
        try valueIfPresent(column, "bool", Decode.bool)
    }

    public func int2(_ column: PostgresColumn) throws(PostgresError) -> Int16 {
        try value(column, "int2", Decode.int2)
    }

    public func int2IfPresent(_ column: PostgresColumn) throws(PostgresError) -> Int16? {
        try valueIfPresent(column, "int2", Decode.int2)
    }

    public func int4(_ column: PostgresColumn) throws(PostgresError) -> Int32 {
        try value(column, "int4", Decode.int4)
    }

    public func int4IfPresent(_ column: PostgresColumn) throws(PostgresError) -> Int32? {
        try valueIfPresent(column, "int4", Decode.int4)
    }

    public func int8(_ column: PostgresColumn) throws(PostgresError) -> Int64 {
        try value(column, "int8", Decode.int8)
    }

    public func int8IfPresent(_ column: PostgresColumn) throws(PostgresError) -> Int64? {
        try valueIfPresent(column, "int8", Decode.int8)
    }

    /// Any of the three integer types.
    public func integer(_ column: PostgresColumn) throws(PostgresError) -> Int {
        try value(column, "int2, int4 or int8", Decode.integer)
    }

    public func integerIfPresent(_ column: PostgresColumn) throws(PostgresError) -> Int? {
        try valueIfPresent(column, "int2, int4 or int8", Decode.integer)
    }

    public func float8(_ column: PostgresColumn) throws(PostgresError) -> Double {
        try value(column, "float8", Decode.float8)
    }

    public func float8IfPresent(_ column: PostgresColumn) throws(PostgresError) -> Double? {
        try valueIfPresent(column, "float8", Decode.float8)
    }

    /// `text`, `varchar`, `char(n)` or `name`.
    public func text(_ column: PostgresColumn) throws(PostgresError) -> String {
        try value(column, "text", Decode.text)
    }

    public func textIfPresent(_ column: PostgresColumn) throws(PostgresError) -> String? {
        try valueIfPresent(column, "text", Decode.text)
    }

    public func bytea(_ column: PostgresColumn) throws(PostgresError) -> [UInt8] {
        try value(column, "bytea", Decode.bytea)
    }

    public func byteaIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try valueIfPresent(column, "bytea", Decode.bytea)
    }

    /// 16 bytes.
    public func uuid(_ column: PostgresColumn) throws(PostgresError) -> [UInt8] {
        try value(column, "uuid", Decode.uuid)
    }

    public func uuidIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try valueIfPresent(column, "uuid", Decode.uuid)
    }

    /// A `timestamptz` as microseconds since 1970; `infinity` and times beyond the range are clamped.
    public func unixMicroseconds(_ column: PostgresColumn) throws(PostgresError) -> Int64 {
        try value(column, "timestamptz", Decode.unixMicroseconds)
    }

    public func unixMicrosecondsIfPresent(_ column: PostgresColumn) throws(PostgresError) -> Int64? {
        try valueIfPresent(column, "timestamptz", Decode.unixMicroseconds)
    }

    /// The text of a `json` or `jsonb`, in UTF-8.
    public func json(_ column: PostgresColumn) throws(PostgresError) -> [UInt8] {
        try value(column, "json or jsonb", Decode.json)
    }

    public func jsonIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try valueIfPresent(column, "json or jsonb", Decode.json)
    }

    public func integerArray(_ column: PostgresColumn) throws(PostgresError) -> [Int64?] {
        try value(column, "int2[], int4[] or int8[]", Decode.integerArray)
    }

    public func integerArrayIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [Int64?]? {
        try valueIfPresent(column, "int2[], int4[] or int8[]", Decode.integerArray)
    }

    public func textArray(_ column: PostgresColumn) throws(PostgresError) -> [String?] {
        try value(column, "text[]", Decode.textArray)
    }

    public func textArrayIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [String?]? {
        try valueIfPresent(column, "text[]", Decode.textArray)
    }

    /// 16 bytes each.
    public func uuidArray(_ column: PostgresColumn) throws(PostgresError) -> [[UInt8]?] {
        try value(column, "uuid[]", Decode.uuidArray)
    }

    public func uuidArrayIfPresent(_ column: PostgresColumn) throws(PostgresError) -> [[UInt8]?]? {
        try valueIfPresent(column, "uuid[]", Decode.uuidArray)
    }

}

/// Reads one value of a given type; nil if the type is another or the bytes are not what that type has.
private enum Decode {
    static func bool(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool? {
        guard oid == PostgresType.bool, bytes.count == 1 else { return nil }
        return bytes[0] != 0
    }

    static func int2(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int16? {
        oid == PostgresType.int2 ? BinaryReader.whole(bytes) : nil
    }

    static func int4(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int32? {
        oid == PostgresType.int4 ? BinaryReader.whole(bytes) : nil
    }

    static func int8(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int64? {
        oid == PostgresType.int8 ? BinaryReader.whole(bytes) : nil
    }

    static func integer(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int? {
        wideInteger(oid, bytes).flatMap { Int(exactly: $0) }
    }

    static func float8(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Double? {
        guard oid == PostgresType.float8 else { return nil }
        return BinaryReader.whole(bytes, UInt64.self).map { Double(bitPattern: $0) }
    }

    static func text(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> String? {
        switch oid {
        case PostgresType.text, PostgresType.varchar, PostgresType.bpchar, PostgresType.name:
            String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    static func bytea(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        oid == PostgresType.bytea ? Array(bytes) : nil
    }

    static func uuid(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        oid == PostgresType.uuid && bytes.count == 16 ? Array(bytes) : nil
    }

    static func unixMicroseconds(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard oid == PostgresType.timestamptz, let value: Int64 = BinaryReader.whole(bytes) else { return nil }
        let (time, overflow) = value.addingReportingOverflow(PostgresType.epochMicroseconds)
        // The two infinities are the ends of the range.
        if value == .min { return .min }
        return overflow ? .max : time
    }

    static func json(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        switch oid {
        case PostgresType.json: Array(bytes)
        // A version byte comes first; 1 is the only version there is.
        case PostgresType.jsonb: bytes.first == 1 ? Array(bytes.dropFirst()) : nil
        default: nil
        }
    }

    static func integerArray(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [Int64?]? {
        switch oid {
        case PostgresType.int2Array, PostgresType.int4Array, PostgresType.int8Array:
            BinaryReader.array(bytes, decode: wideInteger)
        default: nil
        }
    }

    static func textArray(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [String?]? {
        guard oid == PostgresType.textArray || oid == PostgresType.varcharArray else { return nil }
        return BinaryReader.array(bytes, decode: text)
    }

    static func uuidArray(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> [[UInt8]?]? {
        oid == PostgresType.uuidArray ? BinaryReader.array(bytes, decode: uuid) : nil
    }

    private static func wideInteger(_ oid: UInt32, _ bytes: UnsafeRawBufferPointer) -> Int64? {
        switch oid {
        case PostgresType.int2: BinaryReader.whole(bytes, Int16.self).map(Int64.init)
        case PostgresType.int4: BinaryReader.whole(bytes, Int32.self).map(Int64.init)
        case PostgresType.int8: BinaryReader.whole(bytes)
        default: nil
        }
    }
}
