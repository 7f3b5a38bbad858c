// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import Testing

@testable import Storefront

/// Every route of the storefront with its rule, written down a second time.
@Suite("Who may use the storefront", .needsPostgres) struct RouteAccessTests {
    private static let rules: [(String, AccessRule)] = [
        ("POST /v1/photos", .scope(.submit, .queue("photos"))),
        ("GET /v1/photos/{id}", .scope(.read, .queue("photos"))),
        ("DELETE /v1/photos/{id}", .scope(.operate, .queue("photos"))),
        ("GET /v1/photos/{id}/{variant}", .scope(.readPayload, .queue("photos"))),
        ("POST /v1/emails", .scope(.submit, .queue("email"))),
        ("GET /v1/emails/{id}", .scope(.readPayload, .queue("email"))),
        ("GET /v1/suppressions/{address}", .scope(.read, .queue("email"))),
        ("DELETE /v1/suppressions/{address}", .scope(.operate, .queue("email"))),
    ]

    @Test func `the routes are those of the table, each with its rule`() async throws {
        try await PhotoFixture.with { fixture in
            let routes = PhotoRoutes(files: fixture.files).routes + EmailRoutes(files: fixture.files).routes
            let found = routes.map { "\($0.method) \($0.pattern): \($0.access)" }

            #expect(found.sorted() == Self.rules.map { "\($0): \($1)" }.sorted())
        }
    }

    @Test func `a key for another queue gets at none of them`() async throws {
        try await PhotoFixture.with { fixture in
            let table = RouteTable(
                routes: PhotoRoutes(files: fixture.files).routes + EmailRoutes(files: fixture.files).routes,
                authenticators: [ClientOfQueue("default")])
            let elsewhere = PhotoFixture(
                folder: fixture.folder, database: fixture.database, ledger: fixture.ledger, files: fixture.files,
                table: table, handlers: fixture.handlers)
            for (route, _) in Self.rules {
                let parts = route.split(separator: " ")
                let method = try #require(HTTPRequest.Method(rawValue: String(parts[0])))
                let path = parts[1].replacing("{id}", with: "01a20528-b155-7bc3-8c3f-1f17f7340084")
                    .replacing("{variant}", with: "256.webp").replacing("{address}", with: "a@example.org")

                let reply = try await elsewhere.send(method, String(path))

                #expect(reply.status == 403, "\(route)")
            }
        }
    }
}
