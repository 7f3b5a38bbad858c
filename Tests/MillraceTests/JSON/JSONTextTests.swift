// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@Suite("JSONText") struct JSONTextTests {
    private static func check(_ text: String, nestingMax: Int = 64) throws(JSONError) -> JSONText {
        try JSONText(checking: Array(text.utf8), nestingMax: nestingMax)
    }

    @Test(arguments: [
        "0", "-0", "1.5e+10", "1E-2", "true", "false", "null", #""""#, "[]", "{}", " [ ] ",
        "\r\n\t{\"a\":[1,2,{\"b\":null}]}\n",
        #""\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00""#, #""é€😀""#, #""\#u{7F}\#u{FFFF}\#u{10FFFF}""#, "[[[]],[],{}]",
        #"{"":{"":""}}"#, "123456789012345678901234567890.123456789",
    ])
    func `JSON is taken`(_ text: String) throws {
        _ = try Self.check(text)
    }

    @Test(arguments: [
        ("", 0, ""), ("  ", 2, ""), ("{", 1, ""), ("[1,", 3, "/1"), ("[1 2]", 3, "/0"), ("[,1]", 1, "/0"),
        ("[1,]", 3, "/1"),
        (#"{"a":}"#, 5, "/a"), (#"{"a" 1}"#, 5, "/a"), (#"{"a":1,}"#, 7, ""), (#"{"a":1 "b":2}"#, 7, "/a"),
        ("{1:2}", 1, ""),
        ("01", 1, ""), ("-", 1, ""), ("1.", 2, ""), ("1e", 2, ""), (".5", 0, ""), ("+1", 0, ""), ("nul", 0, ""),
        ("truee", 4, ""), ("NaN", 0, ""), ("[}", 1, "/0"), ("{]", 1, ""), ("1 2", 2, ""), (#""abc"#, 4, ""),
        (#""\x""#, 2, ""), (#""\u12""#, 5, ""), (#""\ud800""#, 1, ""), (#""\udc00""#, 1, ""),
        (#""\ud800\ud800""#, 1, ""),
        ("\"\n\"", 1, ""), ("\"\u{0}\"", 1, ""), ("\u{FEFF}1", 0, ""), ("'a'", 0, ""), ("[1]\u{0}", 3, ""),
        (#"{"a":{"b":[0,1,{"c/d~e":[tru]}]}}"#, 25, "/a/b/2/c~1d~0e/0"),
    ])
    func `anything else is refused with its place`(_ text: String, _ offset: Int, _ pointer: String) {
        let error = #expect(throws: JSONError.self) { try Self.check(text) }

        #expect(error?.offset == offset)
        #expect(error?.pointer == pointer)
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
            [0xE2, 0x28, 0xA1],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func `what is not UTF-8 is refused`(_ bytes: [UInt8]) {
        let error = #expect(throws: JSONError.self) {
            try JSONText(checking: Array("[\"é".utf8) + bytes + Array("\"]".utf8), nestingMax: 64)
        }

        #expect(error?.offset == 4)
        #expect(error?.pointer == "/0")
    }

    @Test func `nesting is taken up to the limit`() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }

        _ = try Self.check(nested(64))
        #expect(throws: JSONError.self) { try Self.check(nested(65)) }
        #expect(throws: JSONError.self) { try Self.check(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError.self) { try Self.check(String(repeating: #"{"a":"#, count: 1_000_000)) }
    }

    @Test func `a pointer stays short however long the names are`() throws {
        let name = String(repeating: "n", count: 100_000)
        let error = #expect(throws: JSONError.self) { try Self.check("{\"\(name)\":{\"\(name)\":?}}") }

        #expect(try #require(error).pointer.utf8.count == 2 * 65)
    }

    @Test func `members and elements are the very bytes`() throws {
        let text = try Self.check(
            #" { "a" : 1.50 , "b":[ "x", {} ,[ ] ] , "a":"\u0041\ud83d\ude00\n" , "\u0062" : null } "#)

        let members = text.members(of: text.root)
        #expect(members.map(\.name) == ["a", "b", "a", "b"])
        #expect(
            members.map { String(decoding: text.raw($0.value), as: UTF8.self) }.prefix(2) == [
                "1.50", #"[ "x", {} ,[ ] ]"#,
            ])
        #expect(members.map(\.value.kind) == [.number, .array, .string, .null])
        #expect(text.string(members[2].value) == "A😀\n")
        let elements = text.elements(of: members[1].value)
        #expect(elements.map(\.kind) == [.string, .object, .array])
        #expect(text.members(of: elements[1]).isEmpty)
        #expect(text.elements(of: elements[2]).isEmpty)
        #expect(text.nesting(of: text.root) == 3)
        #expect(text.nesting(of: members[0].value) == 0)
    }

    @Test func `values are read as what they are, and as nothing else`() throws {
        let text = try Self.check(#"[1,-7,1.0,1e2,9223372036854775807,9223372036854775808,"1",true]"#)
        let elements = text.elements(of: text.root)

        #expect(elements.map(text.integer) == [1, -7, nil, nil, .max, nil, nil, nil])
        #expect(elements.map(text.string) == [nil, nil, nil, nil, nil, nil, "1", nil])
        #expect(text.members(of: text.root).isEmpty)
        #expect(text.elements(of: elements[0]).isEmpty)
    }

    @Test func `a part of a text is checked for itself`() throws {
        let bytes = Array("{\"a\":1}\n[2]\n?".utf8)

        let text = try JSONText(checking: bytes, in: 8..<11, nestingMax: 64)
        #expect(text.root.range == 8..<11)
        #expect(text.elements(of: text.root).map(text.integer) == [2])
        let error = #expect(throws: JSONError.self) { try JSONText(checking: bytes, in: 12..<13, nestingMax: 64) }
        #expect(error?.offset == 0)
    }
}
