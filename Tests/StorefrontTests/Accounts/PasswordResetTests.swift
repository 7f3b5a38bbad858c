// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import PostgresDriver
import Testing

@testable import Storefront

@Suite("Password resets", .needsPostgres) struct PasswordResetTests {
    private static let newPassword = "staple battery horse"

    @Test func `a token by mail lets its reader choose another password, once`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let (session, device) = try await fixture.session()

            #expect(try await fixture.askForReset().status == 202)
            let token = try #require(try await fixture.mailedTokens().first)
            let confirmation = try await fixture.confirm(token, Self.newPassword)

            #expect(confirmation.status == 200)
            #expect(try await fixture.logIn().status == 401)
            #expect(try await fixture.logIn(password: Self.newPassword).status == 200)
            #expect(try await fixture.user(of: session) == nil)
            #expect(
                try await fixture.logIn(password: Self.newPassword, device: device).json["device"] as? String != device)
            #expect(try await fixture.confirm(token, "yet another password").status == 422)
        }
    }

    @Test func `the database has only the token's hash, and its mail`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            _ = try await fixture.askForReset()

            let token = try #require(try await fixture.mailedTokens().first)

            let row = try await fixture.database.run(
                "SELECT digest, expires_at - now() > interval '29 minutes' FROM storefront.password_resets"
            ).rows[0]
            #expect(try row.bytea(0) == SecretToken(token, for: .reset)?.digest)
            #expect(try row.bool(1))
        }
    }

    @Test func `for an address without an account the answer is the same, and nothing is sent`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            let known = try await fixture.askForReset("ANA@example.org")
            let unknown = try await fixture.askForReset("eve@example.org")

            #expect(known.status == unknown.status && known.body == unknown.body && known.headers == unknown.headers)
            #expect(try await fixture.mailedTokens().count == 1)
        }
    }

    @Test func `a token is good for half an hour`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            _ = try await fixture.askForReset()
            let token = try #require(try await fixture.mailedTokens().first)

            try await fixture.database.run("UPDATE storefront.password_resets SET expires_at = now()")

            let reply = try await fixture.confirm(token, Self.newPassword)

            #expect(reply.status == 422)
            #expect(try await fixture.logIn().status == 200)
        }
    }

    @Test func `of many confirmations at once one is carried out`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            _ = try await fixture.askForReset()
            _ = try await fixture.askForReset()
            let tokens = try await fixture.mailedTokens()
            try #require(tokens.count == 2)

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for attempt in 0..<6 {
                    group.addTask { try await fixture.confirm(tokens[attempt % 2], Self.newPassword).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.sorted() == [200, 422, 422, 422, 422, 422])
        }
    }

    @Test func `no more than three mails are sent while their tokens are good`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            for _ in 0..<5 { #expect(try await fixture.askForReset().status == 202) }

            #expect(try await fixture.mailedTokens().count == 3)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.password_resets") == 3)
        }
    }

    @Test func `who is under attack gets in by mail`() async throws {
        let limits = AttemptLimits(account: AttemptLimit(burst: 1, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register()
            #expect(try await fixture.logIn(password: "wrong horse battery", from: "198.51.100.1").status == 401)
            #expect(try await fixture.logIn().status == 429)
            _ = try await fixture.askForReset()
            let token = try #require(try await fixture.mailedTokens().first)

            let device = try await fixture.confirm(token, Self.newPassword).json["device"] as? String

            #expect(try await fixture.logIn(password: Self.newPassword, device: device).status == 200)
        }
    }

    @Test func `one address asks only so often`() async throws {
        let limits = AttemptLimits(reset: AttemptLimit(burst: 2, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            var statuses: [Int] = []
            for name in ["a", "b", "c"] { statuses.append(try await fixture.askForReset("\(name)@example.org").status) }

            #expect(statuses == [202, 202, 429])
        }
    }

    @Test(arguments: ["", "mp_", "ms_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
    func `what is no token is refused`(token: String) async throws {
        try await AccountFixture.with { fixture in
            let reply = try await fixture.confirm(token, Self.newPassword)

            #expect(reply.status == 422)
        }
    }
}

extension AccountFixture {
    fileprivate func askForReset(_ email: String = "ana@example.org") async throws -> Reply {
        try await post("/v1/password-reset", ["email": email])
    }

    fileprivate func confirm(_ token: String, _ password: String) async throws -> Reply {
        try await post("/v1/password-reset/confirm", ["token": token, "password": password])
    }

    /// Runs all jobs that were submitted for resets; returns the tokens in the mails that they sent, the oldest first.
    fileprivate func mailedTokens() async throws -> [String] {
        let waiting = try await database.run(
            "SELECT id FROM millrace.jobs WHERE kind = 'accounts.reset' AND finished_at IS NULL ORDER BY id"
        ).rows
        for row in waiting { _ = try await run(try #require(JobID(bytes: try row.uuid(0)))).get() }
        let mails = try await database.run(
            "SELECT payload::text FROM millrace.jobs WHERE kind = 'email.send' ORDER BY id"
        ).rows
        return try mails.map { mail in
            let token = try #require(try mail.text(0).firstMatch(of: /mp_[A-Za-z0-9_-]{43}/))
            return String(token.0)
        }
    }
}
