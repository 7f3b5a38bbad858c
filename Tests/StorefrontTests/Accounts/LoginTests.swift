// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import HTTPTypes
import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import Storefront

@Suite("Logins", .needsPostgres) struct LoginTests {
    private static let unlimited = AttemptLimit(burst: 100_000, interval: .seconds(1))

    @Test func `a login opens a session, whose token the database does not have`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            let reply = try await fixture.logIn("ANA@example.org")

            #expect(reply.status == 200)
            let token = try #require(try reply.json["token"] as? String)
            #expect(token.hasPrefix("ms_") && token.utf8.count == 46)
            let user = try #require(try reply.json["user"] as? [String: Any])
            #expect(user["email"] as? String == "ana@example.org")
            #expect(try await fixture.user(of: token)?.description == user["id"] as? String)
            let dump = try await fixture.database.run(
                "SELECT (SELECT jsonb_agg(s)::text FROM storefront.sessions s) || (SELECT jsonb_agg(d)::text FROM storefront.devices d)"
            ).rows
            let text = try #require(dump.first).text(0)
            #expect(!text.contains(token.dropFirst(3)))
            let digest = Hexadecimal.digits(of: try #require(SecretToken(token, for: .session)).digest)
            #expect(text.contains(digest))
        }
    }

    @Test func `a wrong password and an unknown address are answered alike`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()

            let wrong = try await fixture.logIn(password: "wrong horse battery")
            let unknown = try await fixture.logIn("eve@example.org")

            #expect(wrong.status == 401)
            #expect(wrong.headers[.wwwAuthenticate] == "Bearer")
            #expect(wrong.status == unknown.status && wrong.body == unknown.body && wrong.headers == unknown.headers)
        }
    }

    @Test func `a wrong password and an unknown address take the same time`() async throws {
        let limits = AttemptLimits(
            pair: Self.unlimited, address: Self.unlimited, account: Self.unlimited, work: Self.unlimited)
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register()
            var ratio = 0.0
            // The machine's load comes and goes; a difference in what is done stays.
            for _ in 0..<3 {
                var (wrong, unknown): ([Duration], [Duration]) = ([], [])
                for _ in 0..<200 {
                    wrong.append(try await Self.time { try await fixture.logIn(password: "wrong horse battery") })
                    unknown.append(try await Self.time { try await fixture.logIn("eve@example.org") })
                }
                ratio = wrong.median / unknown.median
                if 0.9...1.1 ~= ratio { break }
            }
            #expect(0.9...1.1 ~= ratio)
        }
    }

    private static func time(_ login: () async throws -> Reply) async throws -> Duration {
        let start = ContinuousClock.now
        let reply = try await login()
        #expect(reply.status == 401)
        return .now - start
    }

    @Test func `a password is the same in both of Unicode's spellings`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register(password: "Zoe\u{308} trinkt Kaffee")

            #expect(try await fixture.logIn(password: "Zo\u{EB} trinkt Kaffee").status == 200)
            #expect(try await fixture.logIn(password: "Zoe trinkt Kaffee").status == 401)
        }
    }

    @Test func `a hash of other parameters is renewed by the next login`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            // Of "correct horse battery", by argon2(1) with -id -t 1 -k 8192 -p 1.
            let old =
                "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$HhdGxmsoo8pSkWu74EOdjWuyMCjKM2aof0XQCAMO4jU"
            try await fixture.database.run("UPDATE storefront.users SET password_hash = $1", [.text(old)])

            #expect(try await fixture.logIn(password: "wrong horse battery").status == 401)
            let kept = try await fixture.database.run("SELECT password_hash FROM storefront.users").rows[0].text(0)
            #expect(try await fixture.logIn().status == 200)
            let renewed = try await fixture.database.run("SELECT password_hash FROM storefront.users").rows[0].text(0)

            #expect(kept == old)
            #expect(PasswordHash(stored: renewed).isCurrent)
            #expect(try await fixture.logIn().status == 200)
        }
    }

    @Test func `a password that is replaced while it is checked opens nothing`() async throws {
        let hasher = PasswordHasher()
        try await AccountFixture.with(hasher: hasher) { fixture in
            try await fixture.register()
            let gate = DispatchSemaphore(value: 0)

            let reply = try await withThrowingTaskGroup(of: Reply?.self) { group in
                for _ in 0..<AccountLimits.hashesMax {
                    group.addTask {
                        try await hasher.run { gate.wait() }
                        return nil
                    }
                }
                group.addTask { try await fixture.logIn() }
                await eventually("the login has read the account") {
                    (try? await fixture.database.count("SELECT count(*) FROM storefront.attempts")) == 5
                }
                _ = try? await fixture.database.run("UPDATE storefront.users SET password_version = 2")
                for _ in 0..<AccountLimits.hashesMax { gate.signal() }
                return try await group.reduce(nil) { $0 ?? $1 }
            }

            #expect(reply?.status == 401)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.sessions") == 0)
        }
    }

    @Test func `a user has 20 sessions at most, the ones used last`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let first = try await fixture.session().token
            let second = try await fixture.session().token
            for _ in 0..<19 { _ = try await fixture.session() }

            #expect(try await fixture.user(of: first) == nil)
            #expect(try await fixture.user(of: second) != nil)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.sessions") == 20)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.devices") == 20)
        }
    }
}

extension [Duration] {
    fileprivate var median: Duration { sorted()[count / 2] }
}
