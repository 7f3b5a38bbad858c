// SPDX-License-Identifier: Apache-2.0

/// What an order has of a product.
struct OrderLine: Sendable, Equatable {
    let product: ProductID
    /// As it was called when it was ordered.
    let name: String
    /// Of one, when it was ordered.
    let price: Money
    let quantity: Int64
    /// Of all.
    let amount: Money

    /// nil when the amount is larger than can be told.
    init?(_ product: ProductID, name: String, price: Money, quantity: Int64) {
        guard let amount = price.times(quantity) else { return nil }
        self.product = product
        self.name = name
        self.price = price
        self.quantity = quantity
        self.amount = amount
    }
}
