// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import PostgresDriver
import Testing

@testable import Storefront

@Suite("CatalogRoutes", .needsPostgres) struct CatalogRoutesTests {
    @Test func `everybody sees what is for sale, page by page`() async throws {
        try await OrderFixture.with { fixture in
            for id in ["tea", "cup", "pot", "a-1"] { try await fixture.stock(id, 5) }

            let first = try await fixture.ask(.get, "/v1/products?limit=3", as: nil).json
            let next = try #require(first["next"] as? String)
            let last = try await fixture.ask(.get, "/v1/products?limit=3&cursor=\(next)", as: nil).json

            let products = try #require(first["products"] as? [[String: Any]])
            #expect(products.compactMap { $0["id"] as? String } == ["a-1", "cup", "pot"])
            #expect((last["products"] as? [[String: Any]])?.compactMap { $0["id"] as? String } == ["tea"])
            #expect(last["next"] is NSNull)
        }
    }

    @Test func `a product shows its price in minor units and in decimals, and its stock`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("pot", 3, price: 2999)

            let shown = try await fixture.ask(.get, "/v1/products/pot", as: nil).json

            #expect(shown["name"] as? String == "Some pot" && shown["description"] as? String == "")
            #expect(shown["amount"] as? Int == 2999 && shown["currency"] as? String == "EUR")
            #expect(shown["decimal"] as? String == "29.99" && shown["stock"] as? Int == 3)
            for id in ["tea", "Pot", "%2D", "pot%00"] {
                #expect(try await fixture.ask(.get, "/v1/products/\(id)", as: nil).status == 404, "\(id)")
            }
        }
    }

    @Test(arguments: [
        "'Tea', 'Tea', 1, 'EUR', 1", "'-tea', 'Tea', 1, 'EUR', 1", "'', 'Tea', 1, 'EUR', 1", "'tea', '', 1, 'EUR', 1",
        "'tea', 'Tea', 0, 'EUR', 1", "'tea', 'Tea', -1, 'EUR', 1", "'tea', 'Tea', 1000000000000, 'EUR', 1",
        "'tea', 'Tea', 1, 'eur', 1", "'tea', 'Tea', 1, 'EUR', -1", "'tea', 'Tea', 1, 'EUR', 1000000000001",
        "'tea', 'Tea', 1, 'XAU', 1", "'tea', 'Tea', 1, 'AAA', 1",
    ])
    func `a row that cannot be sold does not come in`(values: String) async throws {
        try await OrderFixture.with { fixture in
            await #expect(throws: (any Error).self) {
                try await fixture.database.run(
                    "INSERT INTO storefront.products (id, name, price, currency, stock) VALUES (\(values))")
            }
        }
    }

    @Test func `what can be sold can be shown: the table knows the currencies that we know`() async throws {
        try await OrderFixture.with { fixture in
            let rows = try await fixture.database.run(
                #"""
                SELECT (regexp_matches(pg_get_constraintdef(oid), '\m[A-Z]{3}\M', 'g'))[1] AS code
                FROM pg_constraint WHERE conname = 'products_currency_known'
                """#
            ).rows
            let letters = (UInt8(ascii: "A")...UInt8(ascii: "Z")).map { String(UnicodeScalar($0)) }
            let codes = letters.flatMap { first in
                letters.flatMap { second in letters.map { "\(first)\(second)\($0)" } }
            }

            let known = codes.filter { Currency($0) != nil }
            #expect(known.contains("EUR") && !known.contains("XAU"))
            // "ANY" is a word of the constraint's.
            #expect(try rows.map { try $0.text(0) }.filter { $0 != "ANY" }.sorted() == known)
        }
    }
}
