// SPDX-License-Identifier: Apache-2.0

import Millrace

/// An object in an answer of the gateway.
///
/// Numbers are read from their digits: an amount never becomes a floating-point number on its way.
struct GatewayAnswer {
    private let text: JSONText
    private let members: [String: JSONValue]

    /// nil unless the bytes are a JSON object.
    init?(_ bytes: [UInt8]) {
        guard let text = try? JSONText(checking: bytes, nestingMax: Limits.nestingMax), text.root.kind == .object else {
            return nil
        }
        self.init(text.root, in: text)
    }

    private init(_ object: JSONValue, in text: JSONText) {
        self.text = text
        members = Dictionary(text.members(of: object).map { ($0.name, $0.value) }) { _, last in last }
    }

    func string(_ name: String) -> String? { members[name].flatMap(text.string) }

    func integer(_ name: String) -> Int64? { members[name].flatMap(text.integer).map(Int64.init) }

    func bool(_ name: String) -> Bool? {
        members[name].flatMap { $0.kind == .boolean ? text.raw($0) == Array("true".utf8) : nil }
    }

    func object(_ name: String) -> GatewayAnswer? {
        members[name].flatMap { $0.kind == .object ? GatewayAnswer($0, in: text) : nil }
    }

    func objects(_ name: String) -> [GatewayAnswer]? {
        guard let array = members[name], array.kind == .array else { return nil }
        return text.elements(of: array).map { GatewayAnswer($0, in: text) }
    }

    /// Of the members `amount` and `currency`.
    var money: Money? {
        guard let amount = integer("amount"), let currency = string("currency") else { return nil }
        return StripeAmount(value: amount, currency: currency).money
    }
}
