// SPDX-License-Identifier: Apache-2.0

/// What is for sale.
struct Product: Sendable, Equatable {
    let id: ProductID
    let name: String
    let description: String
    let price: Money
    /// How many can be ordered.
    let stock: Int64
}

/// A product's identity, chosen by people, such as `green-tea`: 1 to 64 of `a-z`, `0-9` and, but for the first, `-`.
struct ProductID: Hashable, Sendable, LosslessStringConvertible, Decodable {
    static let form = "1 to 64 characters of [a-z0-9-]"

    let description: String

    /// nil for anything of another form.
    init?(_ text: String) {
        let isWellFormed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard 1...64 ~= text.utf8.count, !text.hasPrefix("-"), isWellFormed else { return nil }
        description = text
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = try Self(container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a product's id: \(Self.form)")
        }
        self = id
    }
}
