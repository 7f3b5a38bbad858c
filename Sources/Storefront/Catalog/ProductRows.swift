// SPDX-License-Identifier: Apache-2.0

import MillracePostgres
import PostgresDriver

/// A product of which an order wants some, as it was before: locked until the transaction ends.
struct TakenProduct: Sendable {
    let id: ProductID
    let name: String
    let price: Money
    /// Where it is less than what was wanted, nothing was taken.
    let stock: Int64
}

/// The queries of the catalogue, each within a transaction of its caller's.
enum ProductRows {
    /// By their ids.
    static func list(_ page: Page<ProductID>, in transaction: LedgerTransaction) throws -> [Product] {
        try transaction.query(
            StorefrontStatements.listProducts, [.text(page.last?.description), .int8(page.rowsMax)]
        ).rows.map { try $0.product() }
    }

    /// nil when there is no such product.
    static func read(_ id: ProductID, in transaction: LedgerTransaction) throws -> Product? {
        try transaction.query(StorefrontStatements.readProduct, [.text("\(id)")]).rows.first?.product()
    }

    /// Takes so many of each product off the shelf, each of which is named once.
    /// - Returns: those that there are; the caller looks whether they are all, and enough.
    static func take(
        _ wanted: [(id: ProductID, quantity: Int64)], in transaction: LedgerTransaction
    ) throws -> [ProductID: TakenProduct] {
        let rows = try transaction.query(
            StorefrontStatements.takeStock,
            [.textArray(wanted.map(\.id.description)), .int8Array(wanted.map(\.quantity))]
        ).rows
        let taken = try rows.map { row in
            TakenProduct(
                id: try row.productID(), name: try row.text("name"), price: try row.money(),
                stock: try row.int8("stock"))
        }
        return Dictionary(uniqueKeysWithValues: taken.map { ($0.id, $0) })
    }
}

extension PostgresRow {
    fileprivate func product() throws -> Product {
        Product(
            id: try productID(), name: try text("name"), description: try text("description"), price: try money(),
            stock: try int8("stock"))
    }

    /// Of the column `id`.
    func productID() throws -> ProductID {
        let text = try text("id")
        guard let id = ProductID(text) else { throw PostgresError(.decoding, "\(text) is no product's id") }
        return id
    }
}
