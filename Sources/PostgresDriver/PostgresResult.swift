// SPDX-License-Identifier: Apache-2.0

import CLibPQ

/// What a statement answered: its rows, and how many it affected.
///
/// Complete and immutable: it does not depend on the connection that it came from.
public struct PostgresResult: Sendable {
    /// Owns libpq's result.
    ///
    /// Unchecked, as the compiler cannot see through the pointer: it is written only before this object is made, all reads
    /// go through functions that libpq documents as reading, and it is freed once, when nobody can read it any more.
    fileprivate final class Storage: @unchecked Sendable {
        let pointer: OpaquePointer

        init(_ pointer: OpaquePointer) { self.pointer = pointer }

        deinit { PQclear(pointer) }
    }

    fileprivate let storage: Storage
    /// In the order of the `SELECT` or `RETURNING` list.
    public let columns: [String]
    public let rowCount: Int

    /// Takes ownership of a complete result.
    init(_ pointer: OpaquePointer) {
        storage = Storage(pointer)
        rowCount = Int(PQntuples(pointer))
        columns = (0..<PQnfields(pointer)).map { PQfname(pointer, $0).map { String(cString: $0) } ?? "" }
    }

    /// Rows written by `INSERT`, `UPDATE`, `DELETE` or `MERGE`, or read by `SELECT`; 0 for other commands.
    public var affectedRows: Int {
        PQcmdTuples(storage.pointer).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// What the server says that it did, such as `COMMIT`.
    var commandTag: String { PQcmdStatus(storage.pointer).map { String(cString: $0) } ?? "" }

    public var rows: PostgresRows { PostgresRows(result: self) }

    /// The position of a column: look it up once where many rows are read.
    /// - Throws: `.decoding` if there is none of that name.
    public func index(of column: String) throws(PostgresError) -> Int {
        guard let index = columns.firstIndex(of: column) else {
            throw PostgresError(
                .decoding, "no column \(column) in the result, which has: \(columns.joined(separator: ", "))",
                column: column)
        }
        return index
    }

    func oid(ofColumn column: Int) -> UInt32 { PQftype(storage.pointer, Int32(column)) }

    /// Calls `body` with a value's bytes, nil for `NULL`. The caller has checked row and column.
    func withBytes<Result>(row: Int, column: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        let (row, column) = (Int32(row), Int32(column))
        return withExtendedLifetime(storage) {
            guard PQgetisnull(storage.pointer, row, column) == 0,
                let start = PQgetvalue(storage.pointer, row, column)
            else { return body(nil) }
            let count = Int(PQgetlength(storage.pointer, row, column))
            return body(UnsafeRawBufferPointer(start: start, count: count))
        }
    }
}

/// The rows of a result.
public struct PostgresRows: RandomAccessCollection, Sendable {
    fileprivate let result: PostgresResult

    public var startIndex: Int { 0 }
    public var endIndex: Int { result.rowCount }

    public subscript(position: Int) -> PostgresRow {
        precondition(indices.contains(position), "row \(position) of \(endIndex)")
        return PostgresRow(result: result, position: position)
    }
}
