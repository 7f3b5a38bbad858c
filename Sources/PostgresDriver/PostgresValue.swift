// SPDX-License-Identifier: Apache-2.0

/// A parameter, in PostgreSQL's binary form with its type: the server parses no text, and nothing needs escaping.
///
/// A nil is `NULL` of that type.
public struct PostgresValue: Sendable {
    /// The type's object id; 0 lets the server infer it.
    let oid: UInt32
    let bytes: [UInt8]?

    /// `NULL` of a type that the server infers.
    public static let null = PostgresValue(oid: 0, bytes: nil)

    public static func bool(_ value: Bool?) -> PostgresValue {
        PostgresValue(oid: PostgresType.bool, bytes: value.map { [$0 ? 1 : 0] })
    }

    public static func int2(_ value: Int16?) -> PostgresValue { integer(value, PostgresType.int2) }
    public static func int4(_ value: Int32?) -> PostgresValue { integer(value, PostgresType.int4) }
    public static func int8(_ value: Int64?) -> PostgresValue { integer(value, PostgresType.int8) }
    public static func float8(_ value: Double?) -> PostgresValue { integer(value?.bitPattern, PostgresType.float8) }

    /// The server refuses a text with a NUL in it (SQLSTATE 22021).
    public static func text(_ value: String?) -> PostgresValue {
        PostgresValue(oid: PostgresType.text, bytes: value.map { Array($0.utf8) })
    }

    public static func bytea(_ value: [UInt8]?) -> PostgresValue {
        PostgresValue(oid: PostgresType.bytea, bytes: value)
    }

    /// - Parameter value: 16 bytes; the server refuses another length (SQLSTATE 22P03 or 08P01).
    public static func uuid(_ value: [UInt8]?) -> PostgresValue {
        PostgresValue(oid: PostgresType.uuid, bytes: value)
    }

    /// - Parameter unixMicroseconds: `Int64.min` and `.max` stand for PostgreSQL's two infinities.
    public static func timestamp(unixMicroseconds: Int64?) -> PostgresValue {
        integer(unixMicroseconds.map(serverMicroseconds), PostgresType.timestamptz)
    }

    /// - Parameter text: UTF-8, stored in a `json` column byte for byte.
    public static func json(_ text: [UInt8]?) -> PostgresValue {
        PostgresValue(oid: PostgresType.json, bytes: text)
    }

    static func serverMicroseconds(_ unixMicroseconds: Int64) -> Int64 {
        // The ends of the range are the two infinities.
        if unixMicroseconds == .max { return .max }
        let (value, overflow) = unixMicroseconds.subtractingReportingOverflow(PostgresType.epochMicroseconds)
        return overflow ? .min : value
    }

    private static func integer(_ value: (some FixedWidthInteger)?, _ oid: UInt32) -> PostgresValue {
        PostgresValue(
            oid: oid,
            bytes: value.map { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } })
    }
}
