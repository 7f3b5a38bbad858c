// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A JSON text as a value, written as a literal; members keep their order.
indirect enum JSONTree: Sendable {
    case object([(name: String, value: JSONTree)])
    case array([JSONTree])
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case null

    func write(to json: inout JSONWriter) {
        switch self {
        case .object(let members):
            json.object { json in
                for member in members { json.member(member.name) { member.value.write(to: &$0) } }
            }
        case .array(let elements): json.array(elements) { $1.write(to: &$0) }
        case .string(let text): json.string(text)
        case .integer(let number): json.raw("\(number)".utf8)
        case .boolean(let value): json.raw((value ? "true" : "false").utf8)
        case .null: json.raw("null".utf8)
        }
    }

    /// With more members; of an object only.
    func with(_ members: KeyValuePairs<String, JSONTree>) -> JSONTree {
        guard case .object(let own) = self else { preconditionFailure("only an object has members") }
        return .object(own + members.map { (name: $0.key, value: $0.value) })
    }
}

extension JSONTree: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    init(dictionaryLiteral members: (String, JSONTree)...) {
        self = .object(members.map { (name: $0.0, value: $0.1) })
    }
    init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
    init(stringLiteral text: String) { self = .string(text) }
    init(integerLiteral number: Int) { self = .integer(number) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
}
