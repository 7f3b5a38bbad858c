// SPDX-License-Identifier: Apache-2.0

/// The object ids of the types that this driver reads and writes; they are fixed in every PostgreSQL.
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let json: UInt32 = 114
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamptz: UInt32 = 1184
    static let uuid: UInt32 = 2950
    static let jsonb: UInt32 = 3802

    static let jsonArray: UInt32 = 199
    static let boolArray: UInt32 = 1000
    static let byteaArray: UInt32 = 1001
    static let int2Array: UInt32 = 1005
    static let int4Array: UInt32 = 1007
    static let textArray: UInt32 = 1009
    static let varcharArray: UInt32 = 1015
    static let int8Array: UInt32 = 1016
    static let float8Array: UInt32 = 1022
    static let timestamptzArray: UInt32 = 1185
    static let uuidArray: UInt32 = 2951

    /// From the Unix epoch to PostgreSQL's, 2000-01-01 00:00:00 UTC.
    static let epochMicroseconds: Int64 = 946_684_800_000_000

    static func describe(_ oid: UInt32) -> String {
        names[oid].map { "\($0) (OID \(oid))" } ?? "OID \(oid)"
    }

    private static let names: [UInt32: String] = [
        bool: "bool", bytea: "bytea", name: "name", int8: "int8", int2: "int2", int4: "int4", text: "text", oid: "oid",
        json: "json", float4: "float4", float8: "float8", bpchar: "char", varchar: "varchar",
        timestamptz: "timestamptz", uuid: "uuid", jsonb: "jsonb", jsonArray: "json[]", boolArray: "bool[]",
        byteaArray: "bytea[]", int2Array: "int2[]", int4Array: "int4[]", textArray: "text[]",
        varcharArray: "varchar[]", int8Array: "int8[]", float8Array: "float8[]",
        timestamptzArray: "timestamptz[]", uuidArray: "uuid[]", 1114: "timestamp", 1082: "date", 1700: "numeric",
        2278: "void", 705: "unknown",
    ]
}
