// SPDX-License-Identifier: Apache-2.0

/// What a template puts in the place of a name.
///
/// There are no fractions: how many digits a price has is for whoever sends it to say, in a string.
public enum TemplateValue: Sendable, Equatable, Codable {
    case string(String)
    case integer(Int)
    case bool(Bool)
    /// A section of the template is repeated for each.
    case array([TemplateValue])
    case object([String: TemplateValue])
    /// Deliberately nothing: for names that a template may do without.
    case null

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if (try? decoder.unkeyedContainer()) != nil {
            self = .array(try container.decode([TemplateValue].self))
        } else if (try? container.decode(Double.self)) != nil {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "write a number with a fraction, or as large, as a string: as it is to be read")
        } else {
            self = .object(try container.decode([String: TemplateValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        case .null: try container.encodeNil()
        }
    }

    /// As Mustache takes it; nil for nothing.
    var mustache: Any? {
        switch self {
        case .string(let value): value
        case .integer(let value): value
        case .bool(let value): value
        case .array(let values): values.compactMap(\.mustache)
        case .object(let values): values.compactMapValues(\.mustache)
        case .null: nil
        }
    }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, TemplateValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
}
