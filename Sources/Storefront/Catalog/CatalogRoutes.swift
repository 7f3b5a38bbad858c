// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
package import MillraceAPI
package import MillracePostgres

/// `/v1/products`: what is for sale, for everybody.
///
/// There is no route that writes: products are rows of `storefront.products`, and come in by SQL.
package struct CatalogRoutes: Sendable {
    private static let all = "/v1/products"
    private static let timeout: Duration = .seconds(5)

    private let ledger: PostgresLedger

    package init(ledger: PostgresLedger) {
        self.ledger = ledger
    }

    package var routes: [Route] {
        [
            Route(.get, Self.all, .open) { (request) throws(Problem) in try await list(request) },
            Route(.get, "\(Self.all)/{id}", .open) { (request) throws(Problem) in try await show(request) },
        ]
    }

    private func list(_ request: APIRequest) async throws(Problem) -> Answer {
        let page = try Page<ProductID>(request)
        let rows = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try ProductRows.list(page, in: $0) }
        }
        return page.answer("products", rows, id: \.id) { json, product in json.members(of: product) }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let text = request.pathParameters["id"] ?? ""
        guard let id = ProductID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a product's id: \(ProductID.form)")
        }
        let row = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try ProductRows.read(id, in: $0) }
        }
        guard let row else { throw Problem(.notFound, "there is no product \(id)") }
        return Answer { json in json.members(of: row) }
    }
}

extension JSONWriter {
    fileprivate mutating func members(of product: Product) {
        member("id", "\(product.id)")
        member("name", product.name)
        member("description", product.description)
        members(of: product.price)
        member("stock", Int(product.stock))
    }
}
