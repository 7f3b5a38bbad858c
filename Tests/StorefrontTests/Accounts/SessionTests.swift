// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import PostgresDriver
import Testing

@testable import Storefront

@Suite("Sessions", .needsPostgres) struct SessionTests {
    @Test func `a logout ends the session, and no other`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let (first, second) = (try await fixture.session().token, try await fixture.session().token)

            let reply = try await fixture.post("/v1/logout", token: first)

            #expect(reply.status == 204)
            #expect(try await fixture.user(of: first) == nil)
            #expect(try await fixture.user(of: second) != nil)
            #expect(try await fixture.post("/v1/logout", token: first).status == 401)
        }
    }

    @Test(arguments: [nil, "", "ms_", "x", "ms_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a b"])
    func `without a token of a session nobody is let in`(token: String?) async throws {
        try await AccountFixture.with { fixture in
            let reply = try await fixture.post("/v1/logout", token: token)

            #expect(reply.status == 401)
            #expect(reply.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        }
    }

    @Test func `a device's token opens nothing`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let device = try await fixture.session().device

            #expect(try await fixture.user(of: device) == nil)
        }
    }

    @Test(arguments: [(29, true), (31, false)])
    func `a session ends when it was not used for half an hour`(minutes: Int, isGood: Bool) async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let token = try await fixture.session().token

            try await fixture.database.run(
                "UPDATE storefront.sessions SET used_at = now() - $1::bigint * interval '1 minute'",
                [.int8(Int64(minutes))])

            #expect((try await fixture.user(of: token) != nil) == isGood)
        }
    }

    @Test func `a session ends after twelve hours, however much it is used`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let token = try await fixture.session().token
            #expect(
                try await fixture.database.count(
                    "SELECT count(*) FROM storefront.sessions WHERE expires_at = created_at + interval '12 hours'") == 1
            )

            try await fixture.database.run("UPDATE storefront.sessions SET expires_at = now()")

            #expect(try await fixture.user(of: token) == nil)
        }
    }

    @Test func `its use is written once a minute at most`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            let token = try await fixture.session().token
            func versions() async throws -> String {
                try await fixture.database.run("SELECT xmin::text || ' ' || ctid::text FROM storefront.sessions").rows[
                    0
                ]
                .text(0)
            }

            let first = try await versions()
            for _ in 0..<3 { #expect(try await fixture.user(of: token) != nil) }
            #expect(try await versions() == first)
            try await fixture.database.run(
                "UPDATE storefront.sessions SET used_at = now() - interval '2 minutes'")
            let second = try await versions()
            #expect(try await fixture.user(of: token) != nil)

            #expect(try await versions() != second)
            #expect(
                try await fixture.database.count(
                    "SELECT count(*) FROM storefront.sessions WHERE used_at > now() - interval '1 minute'") == 1)
        }
    }

    @Test func `what has ended is pruned, and nothing else`() async throws {
        try await AccountFixture.with { fixture in
            try await fixture.register()
            for _ in 0..<4 { _ = try await fixture.session() }
            _ = try await fixture.logIn(password: "wrong horse battery")
            let old = "(SELECT digest FROM storefront.sessions LIMIT 3)"
            try await fixture.database.run("UPDATE storefront.sessions SET expires_at = now() WHERE digest IN \(old)")
            let oldDevices = "(SELECT digest FROM storefront.devices LIMIT 3)"
            try await fixture.database.run(
                "UPDATE storefront.devices SET used_at = now() - interval '91 days' WHERE digest IN \(oldDevices)")
            try await fixture.database.run(
                """
                INSERT INTO storefront.password_resets (digest, user_id, expires_at)
                SELECT sha256(n::text::bytea), users.id, now() + n * interval '1 minute'
                FROM storefront.users, generate_series(-2, 1) AS n
                """)
            let live = try await fixture.database.count(
                "SELECT count(*) FROM storefront.attempts WHERE clear_at > now()")
            let attempts = try await fixture.database.count("SELECT count(*) FROM storefront.attempts")

            let pruner = AccountPruner(ledger: fixture.ledger, logger: PhotoDatabase.logger)
            let count = try await pruner.prune(batch: 2)

            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.sessions") == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.devices") == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.password_resets") == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.attempts") == live)
            #expect(count == 3 + 3 + 3 + attempts - live)
        }
    }
}
