// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import PostgresDriver
import Testing

@testable import Storefront

@Suite("Registration", .needsPostgres) struct RegistrationTests {
    @Test func `an account is made, and its password is kept as argon2id alone`() async throws {
        try await AccountFixture.with { fixture in
            let reply = try await fixture.post(
                "/v1/users", ["email": "Ana@Example.org", "name": "Ana Ünal", "password": AccountFixture.password])

            #expect(reply.status == 201)
            #expect(try reply.json["email"] as? String == "Ana@Example.org")
            #expect(try reply.json["name"] as? String == "Ana Ünal")
            #expect(try reply.json["password"] == nil)
            let row = try #require(
                try await fixture.database.run("SELECT password_hash FROM storefront.users").rows.first)
            #expect(try row.text(0).hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        }
    }

    @Test func `an address has one account, in whatever case`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register("ana@example.org")

            let reply = try await fixture.post(
                "/v1/users", ["email": "ANA@example.ORG", "name": "Ana", "password": AccountFixture.password])

            #expect(reply.status == 409)
            #expect(reply.problem == "email-taken")
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.users") == 1)
        }
    }

    @Test func `of many at once for one address one is made`() async throws {
        try await AccountFixture.with { fixture in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        try await fixture.post(
                            "/v1/users",
                            ["email": "ana@example.org", "name": "Ana", "password": AccountFixture.password]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.sorted() == [201, 409, 409, 409, 409, 409])
        }
    }

    @Test func `all that is wrong is said at once, and no password is repeated`() async throws {
        try await AccountFixture.with { fixture in
            let reply = try await fixture.post(
                "/v1/users", ["email": "ana@", "name": "A\u{7}", "password": "hunter2secret\u{0}", "admin": true])

            #expect(reply.status == 422)
            let faults = try #require(try reply.json["errors"] as? [[String: Any]])
            #expect(Set(faults.map { $0["pointer"] as? String }) == ["/email", "/name", "/password", "/admin"])
            #expect(!String(decoding: reply.body, as: UTF8.self).contains("hunter2"))
        }
    }

    @Test(arguments: [
        ("eleven char", 422), ("twelve chars", 201), (String(repeating: "é", count: 64), 201),
        (String(repeating: "🔑", count: 64), 201), (String(repeating: "x", count: 1024), 201),
        (String(repeating: "x", count: 1025), 422),
    ])
    func `passwords have 12 characters at least and 1024 bytes at most`(password: String, status: Int) async throws {
        try await AccountFixture.with { fixture in
            let reply = try await fixture.post(
                "/v1/users", ["email": "ana@example.org", "name": "Ana", "password": password])

            #expect(reply.status == status)
            if status == 201 { #expect(try await fixture.logIn(password: password).status == 200) }
        }
    }

    @Test func `from one address only so many accounts are made`() async throws {
        let limits = AttemptLimits(registration: AttemptLimit(burst: 2, interval: .seconds(60)))
        try await AccountFixture.with(limits: limits) { fixture in
            try await fixture.register("a@example.org")
            try await fixture.register("b@example.org")

            let third = try await fixture.post(
                "/v1/users", ["email": "c@example.org", "name": "C", "password": AccountFixture.password])
            let elsewhere = try await fixture.post(
                "/v1/users", ["email": "c@example.org", "name": "C", "password": AccountFixture.password],
                from: "192.0.2.2")

            #expect(third.status == 429)
            #expect(third.headers[.retryAfter] == "60")
            #expect(elsewhere.status == 201)
        }
    }
}
