// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct SwiftCodeTests {
    @Test(arguments: [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("\"a\" + b", "\" \" + b"),
        ("\"a\\\"b\" + c", "\"    \" + c"),
        ("\"a\\(b(\"c\"))d\" + e", "\" \u{20}(b(\" \")) \" + e"),
        ("#\"a\"b\\(c)\"# + d", "#\"       \"# + d"),
        ("#\"a\\#(b)\"# + c", "#\"   (b)\"# + c"),
        ("\"\"\"\n a \" b\n \"\"\" + c", "\"\"\"\n      \n \"\"\" + c"),
        ("func `a b`() {", "func `   `() {"),
        ("let a = \"open\nlet b = 1", "let a = \"    \nlet b = 1"),
        ("#if DEBUG", "#if DEBUG"),
        ("\"// a\" + b // c", "\"    \" + b     "),
        ("\"\" + a", "\"\" + a"),
        ("\"a\\", "\"  "),
    ])
    func `keeps the code alone, and its place`(text: String, code: String) {
        #expect(SwiftCode.blanked(text) == code)
    }
}
