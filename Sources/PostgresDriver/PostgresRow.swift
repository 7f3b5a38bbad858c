// SPDX-License-Identifier: Apache-2.0

/// A column by its name, or by its position counted from 0.
public enum PostgresColumn: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, Sendable {
    case name(String)
    case position(Int)

    public init(stringLiteral name: String) { self = .name(name) }

    public init(integerLiteral position: Int) { self = .position(position) }
}

/// A row, read by typed accessors that take a column's name or position.
///
/// All throw `.decoding`, naming the column, the type asked for and the type found: if there is no such column, if it holds
/// another type, if its bytes are malformed, and, except for those called `…IfPresent`, if it is `NULL`.
public struct PostgresRow: Sendable {
    let result: PostgresResult
    let position: Int

    public func isNull(_ column: PostgresColumn) throws(PostgresError) -> Bool {
        try result.withBytes(row: position, column: index(of: column)) { $0 == nil }
    }

    /// Decodes a value; `decode` gets the type found and the bytes, and answers nil if it cannot read them.
    func valueIfPresent<Value>(
        _ column: PostgresColumn, _ expected: StaticString, _ decode: (UInt32, UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value? {
        let index = try index(of: column)
        let oid = result.oid(ofColumn: index)
        let outcome: Value?? = result.withBytes(row: position, column: index) { bytes in
            guard let bytes else { return .some(nil) }
            guard let value = decode(oid, bytes) else { return nil }
            return .some(value)
        }
        guard let outcome else { throw mismatch(index, expected, "found \(PostgresType.describe(oid))") }
        return outcome
    }

    func value<Value>(
        _ column: PostgresColumn, _ expected: StaticString, _ decode: (UInt32, UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value {
        guard let value = try valueIfPresent(column, expected, decode) else {
            throw mismatch(try index(of: column), expected, "found NULL")
        }
        return value
    }

    private func index(of column: PostgresColumn) throws(PostgresError) -> Int {
        switch column {
        case .name(let name): return try result.index(of: name)
        case .position(let position):
            guard result.columns.indices.contains(position) else {
                throw PostgresError(.decoding, "no column \(position) in a result of \(result.columns.count)")
            }
            return position
        }
    }

    private func mismatch(_ index: Int, _ expected: StaticString, _ found: String) -> PostgresError {
        let name = result.columns[index]
        return PostgresError(.decoding, "column \(name): expected \(expected), \(found)", column: name)
    }
}
