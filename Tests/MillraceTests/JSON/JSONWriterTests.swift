// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@Suite("JSONWriter") struct JSONWriterTests {
    private static func write(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `members keep their order and values their bytes`() {
        let text = Self.write { json in
            json.object { json in
                json.member("b", "text")
                json.member("a", 1)
                json.member("raw", raw: Array("{ \"x\":1.50 }".utf8))
                json.member("yes", true)
                json.member("none", String?.none)
                json.member("noRaw", raw: nil)
                json.member("noNumber", Int?.none)
                json.member("list") { json in json.array([1, 2]) { json, number in json.raw("\(number)".utf8) } }
                json.member("objects") { json in json.array(0..<2) { json, _ in json.object { _ in } } }
                json.member("empty") { json in json.array([Int]()) { _, _ in } }
                json.member("last") { json in json.object { $0.member("deep", false) } }
            }
        }

        #expect(
            text == #"{"b":"text","a":1,"raw":{ "x":1.50 },"yes":true,"none":null,"noRaw":null,"noNumber":null,"#
                + #""list":[1,2],"objects":[{},{}],"empty":[],"last":{"deep":false}}"#)
    }

    @Test func `strings are escaped where they must be`() {
        #expect(
            Self.write { $0.string("\"\\/\u{0}\u{1F}\n\r\t\u{7F}é😀") } == #""\"\\/\u0000\u001f\n\r\t\u007fé😀""#)
    }

    @Test func `what is written is read again`() throws {
        let strange = String(String.UnicodeScalarView((0..<0x300).compactMap { Unicode.Scalar($0) }))
        let bytes = Array(Self.write { json in json.object { $0.member(strange, strange) } }.utf8)

        let text = try JSONText(checking: bytes, nestingMax: 1)

        let member = try #require(text.members(of: text.root).first)
        #expect(member.name == strange)
        #expect(text.string(member.value) == strange)
    }
}
