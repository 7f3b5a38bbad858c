// SPDX-License-Identifier: Apache-2.0

/// All bad input that the API must refuse.
enum BadInputTable {
    static let all = malformed + members + batches + requests

    /// Bodies that are not JSON, or JSON that the stores or the decoder could not take.
    private static let malformed: [BadInput] = [
        .malformed("no body", ""),
        .malformed("only space", " \n\t "),
        .malformed("an open brace", "{"),
        .malformed("an open member", #"{"kind":"#, at: "/kind"),
        .malformed("a comma before the end of an object", #"{"kind":"hello.greet",}"#),
        .malformed("a comma before the end of an array", #"{"tags":["a",]}"#, at: "/tags/1"),
        .malformed("apostrophes", "{'kind':'hello.greet'}"),
        .malformed("a name without quotes", "{kind:1}"),
        .malformed("a missing colon", #"{"kind" "hello.greet"}"#, at: "/kind"),
        .malformed("a missing comma", #"{"kind":"a" "queue":"b"}"#, at: "/kind"),
        .malformed("text after the end", "{} x"),
        .malformed("a second value", "{}{}"),
        .malformed("a bracket that closes nothing", "{}]"),
        .malformed("brackets that do not match", #"{"tags":["a"}"#, at: "/tags/0"),
        .malformed("a comment", #"{/* hm */"kind":"hello.greet"}"#),
        .malformed("a byte order mark", [0xEF, 0xBB, 0xBF] + Array("{}".utf8)),
        .malformed("UTF-16", [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00]),
        .malformed("a NUL", "{\0}"),
        .malformed("NaN", #"{"payload":NaN}"#, at: "/payload"),
        .malformed("Infinity", #"{"payload":{"a":[1,Infinity]}}"#, at: "/payload/a/1"),
        .malformed("-Infinity", #"{"payload":-Infinity}"#, at: "/payload"),
        .malformed("a number with a leading zero", #"{"payload":01}"#, at: "/payload"),
        .malformed("a number with a plus", #"{"payload":+1}"#, at: "/payload"),
        .malformed("a number that begins with its point", #"{"payload":.5}"#, at: "/payload"),
        .malformed("a number that ends with its point", #"{"payload":1.}"#, at: "/payload"),
        .malformed("a number without its exponent", #"{"payload":1e}"#, at: "/payload"),
        .malformed("a hexadecimal number", #"{"payload":0x10}"#, at: "/payload"),
        .malformed("a lone minus", #"{"payload":-}"#, at: "/payload"),
        .malformed("half a word", #"{"payload":tru}"#, at: "/payload"),
        .malformed("a word in capitals", #"{"payload":True}"#, at: "/payload"),
        .malformed("undefined", #"{"payload":undefined}"#, at: "/payload"),
        .malformed("a string without its end", #"{"kind":"hello.greet"#, at: "/kind"),
        .malformedName("a newline in a string", [0x0A]),
        .malformedName("a NUL in a string", [0x00]),
        .malformedName("an escape character in a string", [0x1B]),
        .malformedName("an unknown escape", Array(#"\x41"#.utf8)),
        .malformedName("a short escape", Array(#"\u12"#.utf8)),
        .malformedName("an escape with other letters", Array(#"\u12G4"#.utf8)),
        .malformedName("half a surrogate pair", Array(#"\ud83d"#.utf8)),
        .malformedName("the second half of a surrogate pair alone", Array(#"\ude00"#.utf8)),
        .malformedName("half a surrogate pair before another escape", Array(#"\ud83d\u0041"#.utf8)),
        .malformedName("a byte that UTF-8 does not have", [0xFF]),
        .malformedName("a continuation byte alone", [0x80]),
        .malformedName("an overlong NUL", [0xC0, 0x80]),
        .malformedName("an overlong slash in three bytes", [0xE0, 0x80, 0xAF]),
        .malformedName("a surrogate in UTF-8", [0xED, 0xA0, 0x80]),
        .malformedName("a character beyond U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
        .malformedName("a character that is cut off", [0xF0, 0x9F, 0x98]),
        .malformed(
            "65 levels of payload", nested(65), at: "/payload" + String(repeating: "/0", count: 64)),
        .malformed(
            "10,000 levels of payload", nested(10_000), at: "/payload" + String(repeating: "/0", count: 64)),
        .malformed(
            "10,000 open arrays", String(repeating: "[", count: 10_000), at: String(repeating: "/0", count: 65)),
        .malformed(
            "1,000 open objects", String(repeating: #"{"a":"#, count: 1000), at: String(repeating: "/a", count: 65)),
    ]

    private static func nested(_ levels: Int) -> String {
        let (open, close) = (String(repeating: "[", count: levels), String(repeating: "]", count: levels))
        return #"{"kind":"hello.greet","payload":\#(open)\#(close)}"#
    }
}
