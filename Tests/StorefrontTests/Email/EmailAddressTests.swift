// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Storefront

@Suite struct `An e-mail address` {
    @Test(arguments: [
        "ana@example.org", "a.b+c@x-y.example", "o'neill@example.org", "root@localhost", "A@EXAMPLE.ORG",
        "\(String(repeating: "a", count: 64))@example.org",
    ])
    func `is taken as it is`(text: String) throws {
        #expect(try EmailAddress(text).description == text)
    }

    @Test(arguments: [
        ("ana", "expected an address such as"), ("@example.org", "1 to 64 of them before the @"),
        ("\(String(repeating: "a", count: 65))@example.org", "1 to 64 of them before the @"),
        ("a@\(String(repeating: "b.", count: 126))org", "at most 254 characters"),
        ("añe@example.org", "SMTPUTF8"), ("ana@exämple.org", "Punycode"), ("a..b@example.org", "single dots"),
        (".a@example.org", "single dots"), ("a b@example.org", "single dots"), ("\"a b\"@example.org", "single dots"),
        ("a\r\nRCPT TO:<b@example.org>@example.org", "single dots"), ("a>@example.org", "single dots"),
        ("a@b@example.org", "single dots"), ("a@", "not the name of a domain"), ("a@-b.org", "not the name"),
        ("a@b..org", "not the name"), ("a@[127.0.0.1]", "not the name"), ("a@b.org\n", "not the name"),
        ("a@b.org>", "not the name"), ("a@b_c.org", "not the name"),
    ])
    func `that servers would not take is refused, and why is told`(text: String, reason: String) {
        let error = #expect(throws: EmailError.self) { try EmailAddress(text) }

        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func `is the same to a suppression however it is written`() throws {
        #expect(try EmailAddress("Ana@Example.ORG").key == EmailAddress("ana@example.org").key)
    }
}

@Suite struct `A mailbox` {
    @Test(arguments: [
        ("shop@example.org", nil), ("Shop <shop@example.org>", "Shop"), ("\"The Shop\" <shop@example.org>", "The Shop"),
        ("<shop@example.org>", nil),
    ])
    func `is read as people write it`(text: String, name: String?) throws {
        let mailbox = try Mailbox(text)

        #expect(mailbox.address.description == "shop@example.org")
        #expect(mailbox.name?.description == name)
    }
}

@Suite struct `Text in a header` {
    @Test(arguments: [
        "a\r\nBcc: b@example.org", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b", "a\u{2028}b", "a\u{7F}b", "\tb",
    ])
    func `is one line`(text: String) {
        #expect(throws: EmailError(.invalid, "there is a line break or another control character in it")) {
            try HeaderText(text)
        }
    }

    @Test(arguments: [0, EmailLimits.headerBytesMax + 1])
    func `has its bounds`(count: Int) {
        #expect(throws: EmailError.self) { try HeaderText(String(repeating: "a", count: count)) }
    }
}
