// SPDX-License-Identifier: Apache-2.0

import PostgresDriver
import Testing

@Suite("PostgresValue", .needsPostgres) struct PostgresValueTests {
    private func row(_ statement: PostgresStatement, _ parameters: [PostgresValue]) async throws -> PostgresRow {
        try await TestPostgres.withPool(size: 1) { pool in
            let result = try await pool.query(statement, parameters, deadline: .seconds(10))
            return try #require(result.rows.first)
        }
    }

    @Test func `numbers come back as they went`() async throws {
        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f",
            [.bool(true), .int2(.min), .int4(.min), .int8(.max), .float8(-0.1), .float8(.infinity)])

        #expect(try row.bool("a"))
        #expect(try row.int2("b") == .min)
        #expect(try row.int4("c") == .min)
        #expect(try row.int8("d") == .max)
        #expect(try row.float8("e") == -0.1)
        #expect(try row.float8(5) == .infinity)
        #expect(
            try [row.integer("b"), row.integer("c"), row.integer("d")] == [-32768, -2_147_483_648, Int(Int64.max)])
    }

    @Test func `texts, bytes and uuids come back as they went`() async throws {
        let text = "Grüße, 世界, \u{1F41F}, ' \" \\ $1 \u{0}".filter { $0 != "\u{0}" }
        let bytes: [UInt8] = [0, 1, 0, 255, 0]
        let uuid = (0..<16).map { UInt8($0 * 17) }

        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $3 AS c, $3::text AS d, $4 AS e, $5 AS f",
            [.text(text), .bytea(bytes), .uuid(uuid), .text(""), .bytea([])])

        #expect(try row.text("a") == text)
        #expect(try row.bytea("b") == bytes)
        #expect(try row.uuid("c") == uuid)
        #expect(try row.text("d") == "00112233-4455-6677-8899-aabbccddeeff")
        #expect(try row.text("e") == "")
        #expect(try row.bytea("f") == [])
    }

    @Test(arguments: [0, 1, -1, 1_700_000_000_123_456, -14_182_940_000_000, -62_135_596_800_000_000])
    func `times are microseconds since 1970, before it too`(microseconds: Int64) async throws {
        let row = try await row(
            "SELECT $1 AS time, (extract(epoch FROM $1) * 1000000)::int8 AS seen",
            [.timestamp(unixMicroseconds: microseconds)])

        #expect(try row.unixMicroseconds("time") == microseconds)
        #expect(try row.int8("seen") == microseconds)
    }

    @Test func `the ends of the range are the two infinities`() async throws {
        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $1::text AS c, $2::text AS d",
            [.timestamp(unixMicroseconds: .min), .timestamp(unixMicroseconds: .max)])

        #expect(try row.unixMicroseconds("a") == .min)
        #expect(try row.unixMicroseconds("b") == .max)
        #expect(try row.text("c") == "-infinity")
        #expect(try row.text("d") == "infinity")
    }

    @Test func `json is the text that was sent, jsonb what the server makes of it`() async throws {
        let text = Array(#"{"b": 1.50, "a": [], "b": 2}"#.utf8)

        let row = try await row("SELECT $1 AS a, $1::jsonb AS b", [.json(text)])

        #expect(try row.json("a") == text)
        #expect(try row.json("b") == Array(#"{"a": [], "b": 2}"#.utf8))
    }

    @Test func `a nil is a NULL of its type`() async throws {
        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6::int8 AS f",
            [.bool(nil), .int8(nil), .text(nil), .uuid(nil), .json(nil), .null])

        #expect(try row.boolIfPresent("a") == nil)
        #expect(try row.int8IfPresent("b") == nil)
        #expect(try row.textIfPresent("c") == nil)
        #expect(try row.uuidIfPresent("d") == nil)
        #expect(try row.jsonIfPresent("e") == nil)
        #expect(try row.int8IfPresent("f") == nil)
        #expect(try row.isNull("f"))
    }

    @Test func `arrays keep their order and their NULLs`() async throws {
        let uuids: [[UInt8]?] = [Array(repeating: 7, count: 16), nil]

        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e",
            [
                .int2Array([1, nil, -3]), .int4Array([nil, .max]), .int8Array([.min, 0]),
                .textArray(["é", nil, "", "a,\"b\""]), .uuidArray(uuids),
            ])

        #expect(try row.integerArray("a") == [1, nil, -3])
        #expect(try row.integerArray("b") == [nil, Int64(Int32.max)])
        #expect(try row.integerArray("c") == [.min, 0])
        #expect(try row.textArray("d") == ["é", nil, "", "a,\"b\""])
        #expect(try row.uuidArray("e") == uuids)
    }

    @Test func `empty arrays are arrays`() async throws {
        let row = try await row(
            "SELECT $1 AS a, $2 AS b, $3 AS c, cardinality($1) AS d",
            [.int8Array([]), .textArray([]), .uuidArray([])])

        #expect(try row.integerArray("a") == [])
        #expect(try row.textArray("b") == [])
        #expect(try row.uuidArray("c") == [])
        #expect(try row.int4("d") == 0)
    }

    @Test func `the server reads every kind of array as it was meant`() async throws {
        let row = try await row(
            "SELECT concat_ws(' ', $1::text, $2::text, $3::text, $4::text, $5::text) AS all",
            [
                .boolArray([true, nil, false]), .float8Array([0.5, nil]), .byteaArray([[0, 255], []]),
                .timestampArray(unixMicroseconds: [0, nil]), .jsonArray([Array("[1]".utf8), nil]),
            ])

        #expect(
            try row.text("all")
                == #"{t,NULL,f} {0.5,NULL} {"\\x00ff","\\x"} {"1970-01-01 00:00:00+00",NULL} {[1],NULL}"#)
    }

    @Test func `columns of arrays become rows`() async throws {
        let result = try await TestPostgres.withPool(size: 1) { pool in
            try await pool.query(
                "SELECT * FROM unnest($1::int8[], $2::text[]) AS t(number, word)",
                [.int8Array([1, 2, nil]), .textArray(["one", nil, "none"])], deadline: .seconds(10))
        }

        #expect(result.affectedRows == 3)
        #expect(result.columns == ["number", "word"])
        #expect(try result.rows.map { try $0.int8IfPresent("number") } == [1, 2, nil])
        #expect(try result.rows.map { try $0.textIfPresent(1) } == ["one", nil, "none"])
    }

    @Test func `a NUL in a text is the server's to refuse`() async throws {
        let error = try await postgresError { try await row("SELECT $1", [.text("a\u{0}b")]) }

        #expect(error.code == .server)
        #expect(error.sqlState == "22021")
        #expect(error.isDataError)
    }

    @Test func `a uuid of the wrong length is the server's to refuse`() async throws {
        let error = try await postgresError { try await row("SELECT $1", [.uuid([1, 2, 3])]) }

        #expect(error.code == .server)
    }
}
