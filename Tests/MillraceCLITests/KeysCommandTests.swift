// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillraceTesting
import Testing

@testable import MillraceCLI

@Suite("keys")
struct KeysCommandTests {
    private func add(_ id: String, _ change: (inout APIKey) -> Void = { _ in }, to fixture: CommandFixture)
        async throws
    {
        var key = APIKey(
            id: try #require(APIKeyID(id)), name: "key of \(id.prefix(1))", digest: [UInt8](repeating: 7, count: 32),
            scopes: [.read, .submit], createdAt: fixture.clock.timestamp)
        change(&key)
        try await fixture.ledger.addAPIKey(key)
    }

    private func fixture() async throws -> CommandFixture {
        let fixture = CommandFixture()
        let now = fixture.clock.timestamp
        try await add("aaaaaaaa", to: fixture)
        try await add(
            "bbbbbbbb",
            {
                $0.scopes = [.admin]
                $0.expiresAt = now + .seconds(60)
            }, to: fixture)
        try await add(
            "cccccccc",
            {
                $0.queues = ["photos", "email"]
                $0.requestsPerSecond = 50
            }, to: fixture)
        _ = try await fixture.ledger.revokeAPIKey(try #require(APIKeyID("cccccccc")))
        fixture.clock.advance(by: .seconds(90))
        return fixture
    }

    @Test func `a key is made, shown once, and kept as a digest`() async throws {
        let fixture = CommandFixture()

        let outcome = await fixture.run(
            "keys", "create", "the shop", "--scope", "submit", "--scope", "read", "--queue", "email", "--expires",
            "90d",
            "--rate", "20", "-o", "json")

        #expect(outcome.code == 0, "\(outcome.notes)")
        let key = try #require(try await fixture.ledger.apiKeys().first)
        // {"key":"mr_…", …
        let token = try #require(APIKeyToken(String(outcome.output.split(separator: "\"")[3])))
        #expect(token.id == key.id && token.digest == key.digest)
        #expect(key.name == "the shop" && key.scopes == [.submit, .read] && key.queues == ["email"])
        #expect(key.requestsPerSecond == 20)
        #expect(key.expiresAt == fixture.clock.timestamp + .seconds(90 * 86_400))
        let shown = await fixture.run("keys", "show", token.text, "-o", "json")
        #expect(shown.code == 0 && shown.output == outcome.output.replacing("\"key\":\"\(token.text)\",", with: ""))
        #expect(!shown.output.contains(token.text))
    }

    @Test func `for people the key stands first, and that it is the only time beside it`() async throws {
        let fixture = CommandFixture()

        let outcome = await fixture.run("keys", "create", "shop", "--scope", "read:payload")

        #expect(
            outcome.output.wholeMatch(of: /KEY      mr_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\nID [\s\S]*/) != nil, "\(outcome)")
        #expect(outcome.output.contains("SCOPES   read:payload\nQUEUES   all\nRATE     -\n"))
        #expect(outcome.notes == ["the key is shown this once; only a digest of it is kept"])
    }

    @Test func `keys as a table`() async throws {
        let outcome = await (try await fixture()).run("keys")

        #expect(
            outcome.output == """
                ID        NAME      STATE    SCOPES       QUEUES        RATE  EXPIRES
                aaaaaaaa  key of a  active   submit,read  all              -  -
                bbbbbbbb  key of b  expired  admin        all              -  2026-01-01T00:01:00.000Z
                cccccccc  key of c  revoked  submit,read  email,photos  50/s  -

                """)
    }

    @Test func `keys as JSON, page by page`() async throws {
        let fixture = try await fixture()

        let first = await fixture.run("keys", "list", "-o", "json", "--limit", "1")
        let last = await fixture.run("keys", "list", "-o", "jsonl", "--cursor", "bbbbbbbb")

        #expect(
            first.output == #"{"keys":[{"id":"aaaaaaaa","name":"key of a","state":"active","scopes":["submit","read"],"#
                + #""queues":null,"requests_per_second":null,"created_at":"2026-01-01T00:00:00.000Z","expires_at":null,"#
                + #""revoked_at":null}],"next":"aaaaaaaa"}"# + "\n")
        #expect(last.output.hasPrefix(#"{"id":"cccccccc","name":"key of c","state":"revoked""#))
        #expect(last.output.contains(#""queues":["email","photos"],"requests_per_second":50"#))
    }

    @Test func `keys are revoked, and one that is not there is told after the others are`() async throws {
        let fixture = try await fixture()

        let outcome = await fixture.run("keys", "revoke", "aaaaaaaa", "zzzzzzzz", "bbbbbbbb", "aaaaaaaa")

        #expect(outcome.code == 3)
        #expect(
            outcome.notes == [
                "aaaaaaaa is revoked", "bbbbbbbb is revoked", "aaaaaaaa is revoked",
                "millrace: there is no key zzzzzzzz, or it ended more than a week ago",
            ])
        #expect(try await fixture.ledger.apiKeys().allSatisfy { $0.state(at: fixture.clock.timestamp) == .revoked })
        #expect(await fixture.run("keys", "show", "zzzzzzzz").code == 3)
    }
}
