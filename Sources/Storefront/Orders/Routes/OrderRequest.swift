// SPDX-License-Identifier: Apache-2.0

import MillraceAPI

/// The body of `POST /v1/orders`.
struct OrderRequest: Decodable, Sendable {
    static let known = CodingKeys.allCases.map(\.stringValue)

    struct Line: Decodable, Sendable {
        let product: ProductID
        let quantity: Int64

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case product, quantity
        }

        init(from decoder: any Decoder) throws {
            let members = try decoder.onlyMembers(CodingKeys.self)
            product = try members.decode(ProductID.self, forKey: .product)
            quantity = try members.decode(Int64.self, forKey: .quantity)
            guard 1...OrderLimits.quantityMax ~= quantity else {
                throw DecodingError.dataCorruptedError(
                    forKey: .quantity, in: members,
                    debugDescription: "\(quantity); an order has 1 to \(OrderLimits.quantityMax) of a product")
            }
        }
    }

    /// Each of another product.
    let lines: [Line]
    /// The gateway's token of a payment method.
    let method: String

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case lines
        case method = "payment_method"
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        lines = try members.decode([Line].self, forKey: .lines)
        guard 1...OrderLimits.linesMax ~= lines.count else {
            throw DecodingError.dataCorruptedError(
                forKey: .lines, in: members,
                debugDescription: "\(lines.count) lines; an order has 1 to \(OrderLimits.linesMax)")
        }
        var known: Set<ProductID> = []
        for line in lines where !known.insert(line.product).inserted {
            throw DecodingError.dataCorruptedError(
                forKey: .lines, in: members, debugDescription: "\(line.product) is there more than once")
        }
        method = try members.decode(String.self, forKey: .method)
        guard GatewayName.isValid(method, prefix: "pm_") else {
            throw DecodingError.dataCorruptedError(
                forKey: .method, in: members, debugDescription: "not the token of a payment method, pm_…")
        }
    }
}
