// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import Testing

@testable import Storefront

@Suite("EmailRoutes", .needsPostgres) struct EmailRoutesTests {
    private func faults(_ reply: Reply) throws -> [String] {
        try #require(try reply.json["errors"] as? [[String: Any]]).compactMap { $0["pointer"] as? String }
    }

    @Test func `make a job of each recipient`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let reply = try await fixture.post(
                "/v1/emails",
                json: """
                    {"to": ["ana@example.org", {"address": "bo@example.org", "name": "Bö"}],
                     "template": "welcome", "values": {"name": "you", "link": "https://example.org"},
                     "reply_to": "help@example.org"}
                    """)

            #expect(reply.status == 202)
            let emails = try #require(try reply.json["emails"] as? [[String: String]])
            #expect(emails.map { $0["to"] } == ["ana@example.org", "bo@example.org"])
            let ids = emails.compactMap { $0["id"].flatMap { JobID($0) } }
            let jobs = try await fixture.ledger.jobs(ids)
            #expect(ids.compactMap { jobs[$0]?.kind.name } == ["email.send", "email.send"])
            #expect(ids.compactMap { jobs[$0]?.queue.name } == ["email", "email"])
            let payload = String(decoding: try #require(jobs[ids[1]]?.payload), as: UTF8.self)
            #expect(payload.contains(#""to":{"address":"bo@example.org","name":"Bö"}"#), "\(payload)")
            #expect(payload.contains(#""subject":"Welcome, you""#), "\(payload)")
            #expect(try await fixture.send(.get, emails[0]["url"] ?? "").json["to"] as? String == "ana@example.org")
        }
    }

    @Test func `submit all or nothing, and say what is wrong`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let many = (0...EmailLimits.recipientsMax).map { "\"a\($0)@example.org\"" }.joined(separator: ",")
            let most = (1...EmailLimits.recipientsMax).map { "\"a\($0)@example.org\"" }.joined(separator: ",")
            let missing = "sha256:" + String(repeating: "0a", count: 32)
            let bad = [
                (#"{"to":["ana@example.org","bö@example.org"],"subject":"a","text":"b"}"#, "/to/1"),
                (#"{"to":["ana@example.org","ANA@example.org"],"subject":"a","text":"b"}"#, "/to"),
                (#"{"to":[],"subject":"a","text":"b"}"#, "/to"),
                (#"{"to":[\#(many)],"subject":"a","text":"b"}"#, "/to"),
                (#"{"to":["ana@example.org"],"subject":"a\r\nBcc: b@example.org","text":"b"}"#, "/subject"),
                (#"{"to":["ana@example.org"],"subjct":"a","text":"b"}"#, "/subjct"),
                (
                    #"{"to":["ana@example.org"],"subject":"a","text":"b","attachments":[{"digest":"\#(missing)","name":"a","type":"a/b"}]}"#,
                    "/attachments/0/digest"
                ),
                (#"{"to":["ana@example.org"],"subject":"a","text":"\#(String(repeating: "x", count: 300_000))"}"#, ""),
                (#"{"to":[\#(most)],"subject":"a","text":"\#(String(repeating: "x", count: 100_000))"}"#, "/to"),
            ]

            for (json, pointer) in bad {
                let reply = try await fixture.post("/v1/emails", json: json)
                #expect(reply.status == 422, "\(json.prefix(100))")
                #expect(try faults(reply).contains(pointer), "\(json.prefix(100))")
            }

            #expect(try await fixture.post("/v1/emails", json: "{").status == 400)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.emails") == 0)
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 0)
        }
    }

    @Test func `carry a request with an idempotency key out once`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let key = HTTPFields([HTTPField(name: try #require(.init("Idempotency-Key")), value: "k1")])

            let first = try await fixture.submit("ana@example.org", headers: key)
            let second = try await fixture.submit("ana@example.org", headers: key)

            #expect(first == second)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.emails") == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 1)
            let other = try await fixture.post(
                "/v1/emails", json: #"{"to":["bo@example.org"],"subject":"a","text":"b"}"#, headers: key)
            #expect(other.status == 422)
        }
    }

    @Test func `know no mail and no suppression that there is not`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            for path in [
                "/v1/emails/x", "/v1/emails/01a20528-b155-7bc3-8c3f-1f17f7340084", "/v1/suppressions/ana@example.org",
                "/v1/suppressions/ana",
            ] {
                let reply = try await fixture.send(.get, path)
                #expect(reply.status == 404, "\(path)")
            }
        }
    }
}
