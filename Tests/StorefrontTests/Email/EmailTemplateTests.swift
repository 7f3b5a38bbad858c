// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import Testing

@testable import Storefront

@Suite struct `A template` {
    private static let values: [String: [String: TemplateValue]] = [
        "password-reset": ["name": "Ana", "token": "mp_x"],
        "receipt": [
            "order": "7", "total": "26.50 €",
            "items": [["name": "Tea", "amount": "19.00 €"], ["name": "Cup", "amount": "7.50 €"]],
        ],
        "welcome": ["name": "Ana", "link": "https://example.org/?a=1&b=2"],
    ]

    @Test(arguments: EmailTemplate.names)
    func `that is shipped renders, and wants all of its values`(name: String) throws {
        let values = try #require(Self.values[name])

        let rendered = try EmailTemplate.named(name).render(values)
        let error = #expect(throws: EmailError.self) { try EmailTemplate.named(name).render([:]) }

        for text in [rendered.subject, rendered.text, rendered.html] {
            #expect(!text.contains("{{") && !text.contains("CONTENT_TYPE"))
        }
        #expect(!rendered.subject.contains("\n"))
        #expect(error?.message == "missing: \(values.keys.sorted().joined(separator: ", "))")
    }

    @Test func `repeats a section for each of its elements`() throws {
        let rendered = try EmailTemplate.named("receipt").render(try #require(Self.values["receipt"]))

        #expect(
            rendered.text == """
                Thank you. We have received your payment for order 7.

                Tea: 19.00 €
                Cup: 7.50 €

                Total: 26.50 €

                """)
    }

    @Test func `escapes values in HTML, and nowhere else`() throws {
        let rendered = try EmailTemplate.named("welcome").render([
            "name": "<b>Ana & \"Bo\"</b>", "link": "https://example.org/?a=1&b=2\" onclick=\"x",
        ])

        #expect(rendered.subject == "Welcome, <b>Ana & \"Bo\"</b>")
        #expect(rendered.text.hasPrefix("Hello <b>Ana & \"Bo\"</b>,\n"))
        #expect(rendered.html.contains("<p>Hello &lt;b&gt;Ana &amp; &quot;Bo&quot;&lt;/b&gt;,</p>"))
        #expect(rendered.html.contains("?a=1&amp;b=2&quot; onclick=&quot;x"))
    }

    @Test func `takes null for nothing, and tells a value that an element lacks`() throws {
        let template = EmailTemplate(
            subject: Array("s".utf8), text: Array("{{#items}}{{name}}{{/items}}{{^note}}no note{{/note}}".utf8),
            html: Array("h".utf8))

        #expect(try template.render(["items": [["name": "a"], ["name": "b"]], "note": .null]).text == "abno note")
        #expect(throws: EmailError(.invalid, "missing: name, note")) {
            try template.render(["items": [["nmae": "a"]]])
        }
    }
}

@Suite struct `A mail's JSON` {
    private func decode(_ json: String) throws -> SendEmail {
        try SendEmail.decoded(from: Array(json.utf8))
    }

    @Test func `is the same after it was read and written`() throws {
        let digest = String(repeating: "0a", count: 32)
        let json = """
            {"attachments":[{"digest":"sha256:\(digest)","name":"naïve.pdf","type":"application/pdf"}],\
            "html":"<p>Hi</p>","reply_to":{"address":"help@example.org"},"subject":"Hi","text":"Hi",\
            "to":{"address":"ana@example.org","name":"Ana"}}
            """

        #expect(try String(decoding: encodedJSON(decode(json)), as: UTF8.self) == json)
    }

    @Test func `of a template is kept as what was rendered`() throws {
        let email = try decode(
            #"{"to":"ana@example.org","template":"welcome","values":{"name":"Ana","link":"https://example.org"}}"#)

        let stored = String(decoding: try encodedJSON(email), as: UTF8.self)
        #expect(stored.contains(#""subject":"Welcome, Ana""#))
        #expect(!stored.contains("template"))
    }

    @Test(arguments: [
        (#"{"subject":"a","text":"b"}"#, "/to"),
        (#"{"to":"ana","subject":"a","text":"b"}"#, "/to"),
        (#"{"to":{"address":"a@example.org","nmae":"A"},"subject":"a","text":"b"}"#, "/to/nmae"),
        (#"{"to":{"address":"a@example.org","name":"A\nBcc: x"},"subject":"a","text":"b"}"#, "/to/name"),
        (#"{"to":"a@example.org","text":"b"}"#, "/subject"),
        (#"{"to":"a@example.org","subject":"a\r\nBcc: b@example.org","text":"b"}"#, "/subject"),
        (#"{"to":"a@example.org","subject":"a"}"#, "/text"),
        (#"{"to":"a@example.org","subject":"a","text":"b","reply_to":"b\n@c"}"#, "/reply_to"),
        (#"{"to":"a@example.org","subject":"a","text":"b","values":{}}"#, "/values"),
        (#"{"to":"a@example.org","subject":"a","text":"b","atachments":[]}"#, "/atachments"),
        (#"{"to":"a@example.org","template":"welcom","values":{}}"#, "/template"),
        (#"{"to":"a@example.org","template":"welcome","values":{"name":"A"}}"#, "/values"),
        (#"{"to":"a@example.org","template":"welcome","values":{"name":"A\nB","link":"c"}}"#, "/values"),
        (#"{"to":"a@example.org","template":"welcome","values":{"name":1.5,"link":"c"}}"#, "/values/name"),
        (#"{"to":"a@example.org","template":"welcome","text":"b","values":{}}"#, "/text"),
        (
            #"{"to":"a@example.org","subject":"a","text":"b","attachments":[{"digest":"12","name":"a","type":"a/b"}]}"#,
            "/attachments/0/digest"
        ),
    ])
    func `is refused with the place of its fault`(json: String, pointer: String) {
        let error = #expect(throws: PayloadError.self) { try decode(json) }

        #expect(error?.pointer == pointer, "\(error?.reason ?? "")")
    }

    @Test(arguments: [
        ("../a.pdf", "application/pdf", "name"), ("a\\b", "application/pdf", "name"), ("a\nb", "a/b", "name"),
        ("a", "pdf", "type"), ("a", "text/plain; charset=utf-8", "type"), ("a", "message/rfc822", "type"),
        ("a", "text/pl\nain", "type"),
    ])
    func `of an attachment is checked`(name: String, type: String, member: String) throws {
        let digest = "sha256:" + String(repeating: "0a", count: 32)
        let attachment = try String(
            decoding: JSONSerialization.data(withJSONObject: ["digest": digest, "name": name, "type": type]),
            as: UTF8.self)

        let error = #expect(throws: PayloadError.self) {
            try decode(#"{"to":"a@example.org","subject":"a","text":"b","attachments":[\#(attachment)]}"#)
        }

        #expect(error?.pointer == "/attachments/0/\(member)")
    }
}
