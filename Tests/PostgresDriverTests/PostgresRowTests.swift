// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PostgresDriver

@Suite("PostgresRow", .needsPostgres) struct PostgresRowTests {
    private func decodingError<Value>(
        _ statement: PostgresStatement, _ read: (PostgresRow) throws -> Value
    ) async throws -> PostgresError {
        let result = try await TestPostgres.withPool(size: 1) { try await $0.query(statement, deadline: .seconds(10)) }
        let row = try #require(result.rows.first)
        return try await postgresError { try read(row) }
    }

    @Test func `another type is named with its OID`() async throws {
        let error = try await decodingError("SELECT 1::int4 AS n") { try $0.int8("n") }

        #expect(error.code == .decoding)
        #expect(error.column == "n")
        #expect(error.message == "column n: expected int8, found int4 (OID 23)")
    }

    @Test func `a NULL where none may be is an error`() async throws {
        let error = try await decodingError("SELECT NULL::text AS word") { try $0.text("word") }

        #expect(error.message == "column word: expected text, found NULL")
    }

    @Test func `a column that is not there is an error that tells which are`() async throws {
        let byName = try await decodingError("SELECT 1 AS a, 2 AS b") { try $0.int4("c") }
        let byPosition = try await decodingError("SELECT 1 AS a, 2 AS b") { try $0.int4(2) }

        #expect(byName.message == "no column c in the result, which has: a, b")
        #expect(byPosition.message == "no column 2 in a result of 2")
    }

    @Test func `an array of more dimensions is an error`() async throws {
        let error = try await decodingError("SELECT ARRAY[[1,2],[3,4]] AS a") { try $0.integerArray("a") }

        #expect(error.code == .decoding)
    }
}

@Suite("BinaryReader") struct BinaryReaderTests {
    private func array(_ bytes: [UInt8]) -> [Int32?]? {
        bytes.withUnsafeBytes { bytes in BinaryReader.array(bytes) { BinaryReader.whole($1) } }
    }

    private let valid: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1]
    private let elements: [UInt8] = [255, 255, 255, 255, 0, 0, 0, 4, 0, 0, 0, 9]

    @Test func `an array is read`() {
        #expect(array(valid + elements) == [nil, 9])
    }

    @Test func `no cut of an array traps or passes for a whole one`() {
        for count in 0..<(valid + elements).count {
            #expect(array(Array((valid + elements).prefix(count))) == nil)
        }
        #expect(array(valid + elements + [0]) == nil)
    }

    @Test func `lying counts and lengths are refused`() {
        var bytes = valid + elements
        for index in bytes.indices {
            for value: UInt8 in [0x7F, 0x80, 0xFF, 0xFE] {
                let original = bytes[index]
                bytes[index] = value
                _ = array(bytes)
                bytes[index] = original
            }
        }
        #expect(array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0x7F, 255, 255, 255, 0, 0, 0, 1]) == nil)
        #expect(array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0x80, 0, 0, 0, 0, 0, 0, 1]) == nil)
    }

    @Test func `random bytes never trap`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let bytes = (0..<Int.random(in: 0...40)).map { _ in
                Bool.random() ? 0 : UInt8.random(in: 0...255, using: &generator)
            }
            _ = array(bytes)
        }
    }
}
