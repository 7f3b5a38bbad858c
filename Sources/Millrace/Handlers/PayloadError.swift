// SPDX-License-Identifier: Apache-2.0

/// Why a payload is not one of its kind.
public struct PayloadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// JSON pointer (RFC 6901) within the payload; empty for the payload as a whole.
    public let pointer: String
    public let reason: String

    public init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    /// `~` and `/` as RFC 6901 writes them within a member's name.
    package static func escaped(_ member: String) -> String {
        member.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    public var description: String {
        pointer.isEmpty ? "payload: \(reason)" : "payload\(pointer): \(reason)"
    }
}

extension PayloadError {
    /// What the decoder says, in the words of whoever wrote the JSON: no Swift types, and what was found instead.
    init(_ error: DecodingError, payload: [UInt8], misfit: (_ payload: [UInt8]) -> Bool) {
        let text = try? JSONText(checking: payload, nestingMax: Limits.nestingMax)
        switch error {
        case .keyNotFound(let key, let context):
            self.init(
                pointer: Self.pointer(context.codingPath + [key]),
                reason: "the member \"\(key.stringValue)\" is missing")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let found = text.map { $0.found(at: context.codingPath) } ?? "something else"
            self.init(
                pointer: Self.pointer(context.codingPath), reason: "expected \(Self.words(for: type)), found \(found)")
        case .dataCorrupted(let context):
            if context.codingPath.isEmpty, let text {
                // It is JSON. What the decoder calls otherwise is a number that its property cannot hold, and it does
                // not say which.
                self = NumberMisfit.error(in: text, misfit)
            } else if context.debugDescription.hasPrefix("Cannot initialize") {
                let found = text.map { $0.found(at: context.codingPath) } ?? "the value"
                self.init(
                    pointer: Self.pointer(context.codingPath), reason: "\(found) is none of the values that it can have"
                )
            } else {
                self.init(pointer: Self.pointer(context.codingPath), reason: context.debugDescription)
            }
        @unknown default:
            self.init(pointer: "", reason: "it cannot be decoded")
        }
    }

    private static func pointer(_ path: [any CodingKey]) -> String {
        path.map { "/" + ($0.intValue.map(String.init) ?? escaped($0.stringValue)) }.joined()
    }

    private static func words(for type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any FixedWidthInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "an array"
        case is [String: Any].Type: "an object"
        default: "another value"
        }
    }
}

extension JSONText {
    /// What lies at a path: a short value as it is written, else what it is.
    fileprivate func found(at path: [any CodingKey]) -> String {
        var value = root
        for key in path {
            let next =
                switch value.kind {
                case .array: key.intValue.flatMap { index in elements(of: value).dropFirst(index).first }
                default: members(of: value).last { $0.name == key.stringValue }?.value
                }
            guard let next else { return "nothing" }
            value = next
        }
        return found(value)
    }

    fileprivate func found(_ value: JSONValue) -> String {
        switch value.kind {
        case .object, .array: value.kind.withArticle
        case .string, .number, .boolean, .null:
            value.range.count <= 40 ? String(decoding: bytes[value.range], as: UTF8.self) : value.kind.withArticle
        }
    }
}

/// Finds the number that a decoder refuses without saying which.
private enum NumberMisfit {
    /// Each look decodes the payload anew, so larger ones are not searched.
    private static let searchedBytesMax = 64 * 1024

    private struct Number {
        let pointer: String
        let value: JSONValue
    }

    /// - Parameter misfit: whether a payload is refused for a number.
    static func error(in text: JSONText, _ misfit: ([UInt8]) -> Bool) -> PayloadError {
        let unnamed = PayloadError(pointer: "", reason: "a number in it does not fit its field")
        guard text.bytes.count <= searchedBytesMax else { return unnamed }
        var numbers: [Number] = []
        collect(text.root, at: "", in: text, &numbers)
        // The last of those that do not fit: with all up to it replaced by zeros nothing is refused, with less it is.
        guard !numbers.isEmpty, !misfit(zeroing(numbers[...], in: text)) else { return unnamed }
        var (lower, upper) = (0, numbers.count)
        while upper - lower > 1 {
            let middle = (lower + upper) / 2
            if misfit(zeroing(numbers[..<middle], in: text)) { lower = middle } else { upper = middle }
        }
        let number = numbers[upper - 1]
        return PayloadError(pointer: number.pointer, reason: reason(text.found(number.value)))
    }

    private static func reason(_ number: String) -> String {
        let isWhole = number.allSatisfy { $0.isNumber || $0 == "-" }
        let isHuge = Double(number).map { abs($0) >= 0x1p63 } ?? true
        return isWhole || isHuge
            ? "\(number) is outside of the range of its field" : "expected a whole number, found \(number)"
    }

    private static func collect(_ value: JSONValue, at pointer: String, in text: JSONText, _ numbers: inout [Number]) {
        switch value.kind {
        case .number: numbers.append(Number(pointer: pointer, value: value))
        case .object:
            for member in text.members(of: value) {
                collect(member.value, at: "\(pointer)/\(PayloadError.escaped(member.name))", in: text, &numbers)
            }
        case .array:
            for (index, element) in text.elements(of: value).enumerated() {
                collect(element, at: "\(pointer)/\(index)", in: text, &numbers)
            }
        case .string, .boolean, .null: break
        }
    }

    /// The text with these numbers as zeros of the same length, so that all else stays where it is.
    private static func zeroing(_ numbers: ArraySlice<Number>, in text: JSONText) -> [UInt8] {
        var bytes = text.bytes
        for number in numbers {
            for index in number.value.range { bytes[index] = UInt8(ascii: " ") }
            bytes[number.value.range.lowerBound] = UInt8(ascii: "0")
        }
        return bytes
    }
}
