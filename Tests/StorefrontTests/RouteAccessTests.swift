// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import Testing

@testable import Storefront

/// Every route of the storefront with its rule, written down a second time.
@Suite("Who may use the storefront", .needsPostgres) struct RouteAccessTests {
    private static let rules: [(String, AccessRule)] = [
        ("POST /v1/photos", .userOrScope(.submit, .queue("photos"))),
        ("GET /v1/photos/{id}", .userOrScope(.read, .queue("photos"))),
        ("DELETE /v1/photos/{id}", .userOrScope(.operate, .queue("photos"))),
        ("GET /v1/photos/{id}/{variant}", .userOrScope(.readPayload, .queue("photos"))),
        ("POST /v1/emails", .scope(.submit, .queue("email"))),
        ("GET /v1/emails/{id}", .scope(.readPayload, .queue("email"))),
        ("GET /v1/suppressions/{address}", .scope(.read, .queue("email"))),
        ("DELETE /v1/suppressions/{address}", .scope(.operate, .queue("email"))),
        ("POST /v1/payments", .scope(.submit, .queue("payments"))),
        ("GET /v1/payments/{id}", .scope(.readPayload, .queue("payments"))),
        ("POST /v1/refunds", .scope(.submit, .queue("payments"))),
        ("POST /v1/webhooks/stripe", .open),
        ("GET /v1/products", .open),
        ("GET /v1/products/{id}", .open),
        ("POST /v1/orders", .user),
        ("GET /v1/orders", .user),
        ("GET /v1/orders/{id}", .user),
        ("POST /v1/orders/{id}/cancel", .user),
        ("POST /v1/users", .open),
        ("POST /v1/login", .open),
        ("POST /v1/logout", .user),
        ("POST /v1/password-reset", .open),
        ("POST /v1/password-reset/confirm", .open),
    ]

    /// Those that the program `millrace` has.
    private static func routes(_ fixture: PhotoFixture) -> [Route] {
        StorefrontApplication(
            blobs: fixture.folder.path, maildir: "\(fixture.folder.path)/mail", environment: [:]
        ).serving(ledger: fixture.ledger, logger: PhotoDatabase.logger).routes
    }

    /// The status of the answer to each route that is not open.
    private static func statuses(
        keys: any Authenticator = Nobody(), users: any Authenticator = Nobody()
    ) async throws -> [String: Int] {
        var statuses: [String: Int] = [:]
        try await PhotoFixture.with { fixture in
            let table = RouteTable(routes: routes(fixture), keys: keys, users: users)
            let asked = fixture.asked(at: table)
            for (route, rule) in rules where rule != .open {
                let parts = route.split(separator: " ")
                let method = try #require(HTTPRequest.Method(rawValue: String(parts[0])))
                let path = parts[1].replacing("{id}", with: "01a20528-b155-7bc3-8c3f-1f17f7340084")
                    .replacing("{variant}", with: "256.webp").replacing("{address}", with: "a@example.org")
                statuses[route] = try await asked.send(method, String(path)).status
            }
        }
        return statuses
    }

    @Test func `the routes are those of the table, each with its rule`() async throws {
        try await PhotoFixture.with { fixture in
            let found = Self.routes(fixture).map { "\($0.method) \($0.pattern): \($0.access)" }

            #expect(found.sorted() == Self.rules.map { "\($0): \($1)" }.sorted())
        }
    }

    @Test func `a key for another queue gets at none of them`() async throws {
        for (route, status) in try await Self.statuses(keys: ClientOfQueue("default")) {
            #expect(status == 403, "\(route)")
        }
    }

    @Test(arguments: APIScope.allCases) func `a scope opens what it allows, and nothing else`(scope: APIScope)
        async throws
    {
        let key = ClientOfQueue("photos", "email", "payments", scopes: [scope])
        guard case .key(let held) = try await key.caller(bearing: "test") else { return }
        let statuses = try await Self.statuses(keys: key)

        for (route, rule) in Self.rules {
            switch rule {
            case .open: break
            case .user: #expect(statuses[route] == 403, "\(route)")
            case .scope(let needed, _), .userOrScope(let needed, _):
                #expect((statuses[route] == 403) == !held.allows(needed), "\(route)")
            }
        }
    }

    @Test func `a user gets at those for users alone, and a key does not`() async throws {
        let ofUser = try await Self.statuses(users: AnyUser())
        let ofKey = try await Self.statuses(keys: AnyKey(), users: AnyUser())
        for (route, rule) in Self.rules where rule != .open {
            let isForUsers = "\(rule)".hasPrefix("user")
            #expect((ofUser[route] == 401) == !isForUsers, "\(route)")
            #expect((ofKey[route] == 403) == (rule == .user), "\(route)")
        }
    }

    @Test func `without a token all but the open ones are closed`() async throws {
        for (route, status) in try await Self.statuses() { #expect(status == 401, "\(route)") }
    }
}

private struct AnyUser: Authenticator {
    func caller(bearing token: String) async throws(Problem) -> Caller? { .user("\(UserID())") }
}

private struct AnyKey: Authenticator {
    func caller(bearing token: String) async throws(Problem) -> Caller? {
        guard let id = APIKeyID("abcd1234") else { return nil }
        return .key(APIKey(id: id, name: token, digest: [], scopes: [.admin], queues: nil, createdAt: .now()))
    }
}
