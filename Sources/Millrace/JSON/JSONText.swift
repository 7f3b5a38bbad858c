// SPDX-License-Identifier: Apache-2.0

/// A JSON text that was checked, and where its values lie.
///
/// Values are ranges of the bytes: what is handed on is the very text that came in, and numbers keep every digit.
package struct JSONText: Sendable {
    package let bytes: [UInt8]
    /// The value that the text consists of.
    package let root: JSONValue

    /// Checks a text, or a part of one such as a line.
    ///
    /// - Parameters:
    ///   - range: nil for all bytes.
    ///   - nestingMax: levels of arrays and objects within one another.
    package init(checking bytes: [UInt8], in range: Range<Int>? = nil, nestingMax: Int) throws(JSONError) {
        let range = range ?? 0..<bytes.count
        do throws(JSONScanner.Fault) {
            let root = try JSONScanner.check(bytes, in: range, nestingMax: nestingMax)
            self.bytes = bytes
            self.root = JSONValue(kind: JSONValue.Kind(first: bytes[root.lowerBound]), range: root)
        } catch {
            throw JSONError(
                reason: error.reason, offset: error.offset - range.lowerBound,
                pointer: JSONPath.pointer(to: error.offset, in: bytes, from: range.lowerBound))
        }
    }

    /// An object's first members in their order, doubled names included; empty for any other value.
    package func members(of object: JSONValue, atMost limit: Int = .max) -> [JSONMember] {
        guard object.kind == .object else { return [] }
        var members: [JSONMember] = []
        var position = skipSeparators(from: object.range.lowerBound + 1)
        while position < object.range.upperBound - 1, members.count < limit {
            let nameEnd = Self.endOfString(at: position, in: bytes, before: object.range.upperBound)
            let value = value(at: skipSeparators(from: nameEnd), before: object.range.upperBound)
            members.append(JSONMember(name: Self.unescaped(bytes[position + 1..<nameEnd - 1]), value: value))
            position = skipSeparators(from: value.range.upperBound)
        }
        return members
    }

    /// An array's elements; empty for any other value.
    package func elements(of array: JSONValue) -> [JSONValue] {
        guard array.kind == .array else { return [] }
        var elements: [JSONValue] = []
        var position = skipSeparators(from: array.range.lowerBound + 1)
        while position < array.range.upperBound - 1 {
            let value = value(at: position, before: array.range.upperBound)
            elements.append(value)
            position = skipSeparators(from: value.range.upperBound)
        }
        return elements
    }

    /// A string without its escapes; nil for any other value.
    package func string(_ value: JSONValue) -> String? {
        guard value.kind == .string else { return nil }
        return Self.unescaped(bytes[value.range.lowerBound + 1..<value.range.upperBound - 1])
    }

    /// A number without fraction and exponent; nil for any other value, and for one that `Int` cannot hold.
    package func integer(_ value: JSONValue) -> Int? {
        guard value.kind == .number else { return nil }
        return Int(String(decoding: bytes[value.range], as: UTF8.self))
    }

    /// The very bytes of a value.
    package func raw(_ value: JSONValue) -> [UInt8] {
        Array(bytes[value.range])
    }

    /// How many levels of arrays and objects a value has.
    package func nesting(of value: JSONValue) -> Int {
        var (depth, deepest) = (0, 0)
        var position = value.range.lowerBound
        while position < value.range.upperBound {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position = Self.endOfString(at: position, in: bytes, before: value.range.upperBound)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                deepest = max(deepest, depth)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
        }
        return deepest
    }

    private func value(at start: Int, before limit: Int) -> JSONValue {
        let kind = JSONValue.Kind(first: bytes[start])
        let end =
            switch kind {
            case .string: Self.endOfString(at: start, in: bytes, before: limit)
            case .array, .object: endOfContainer(at: start, before: limit)
            case .number, .boolean, .null: endOfWord(at: start, before: limit)
            }
        return JSONValue(kind: kind, range: start..<end)
    }

    private func endOfContainer(at start: Int, before limit: Int) -> Int {
        var depth = 0
        var position = start
        while position < limit {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position = Self.endOfString(at: position, in: bytes, before: limit)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return position + 1 }
            default: break
            }
            position += 1
        }
        return limit
    }

    private func endOfWord(at start: Int, before limit: Int) -> Int {
        var position = start
        while position < limit {
            switch bytes[position] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: " "), UInt8(ascii: "\n"),
                UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                return position
            default: position += 1
            }
        }
        return limit
    }

    private func skipSeparators(from start: Int) -> Int {
        var position = start
        while position < root.range.upperBound {
            let byte = bytes[position]
            guard byte.isJSONSpace || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") else { break }
            position += 1
        }
        return position
    }

    /// Behind the quotation mark that ends the string which begins at `start`, or `limit`.
    static func endOfString(at start: Int, in bytes: [UInt8], before limit: Int) -> Int {
        var position = start + 1
        while position < limit {
            switch bytes[position] {
            case UInt8(ascii: "\""): return position + 1
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        return limit
    }

    /// What stands between a string's quotation marks, without its escapes.
    static func unescaped(_ text: ArraySlice<UInt8>) -> String {
        guard text.contains(UInt8(ascii: "\\")) else { return String(decoding: text, as: UTF8.self) }
        var string = ""
        var rest = text
        while let backslash = rest.firstIndex(of: UInt8(ascii: "\\")), backslash + 1 < rest.endIndex {
            string += String(decoding: rest[..<backslash], as: UTF8.self)
            rest = rest[(backslash + 1)...]
            let escape = rest.removeFirst()
            guard escape == UInt8(ascii: "u") else {
                string.unicodeScalars.append(Unicode.Scalar(named(escape)))
                continue
            }
            string.unicodeScalars.append(takeScalar(&rest))
        }
        return string + String(decoding: rest, as: UTF8.self)
    }

    private static func named(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }

    /// The character of the digits behind `\u`, those of a second escape included where they are a pair.
    private static func takeScalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar {
        let unit = takeUnit(&rest)
        guard unit & 0xFC00 == 0xD800, rest.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
            return Unicode.Scalar(unit) ?? "\u{FFFD}"
        }
        rest = rest.dropFirst(2)
        let low = takeUnit(&rest)
        return Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF) ?? "\u{FFFD}"
    }

    private static func takeUnit(_ rest: inout ArraySlice<UInt8>) -> UInt32 {
        defer { rest = rest.dropFirst(4) }
        return rest.prefix(4).reduce(0) { $0 << 4 | UInt32(Hexadecimal.value(of: $1) ?? 0) }
    }
}

/// Where a value lies in its text, and what it is.
package struct JSONValue: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case object, array, string, number, boolean, null

        /// What a valid value with this first byte is.
        init(first byte: UInt8) {
            self =
                switch byte {
                case UInt8(ascii: "{"): .object
                case UInt8(ascii: "["): .array
                case UInt8(ascii: "\""): .string
                case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
                case UInt8(ascii: "n"): .null
                default: .number
                }
        }
    }

    package let kind: Kind
    package let range: Range<Int>
}

package struct JSONMember: Sendable, Equatable {
    package let name: String
    package let value: JSONValue
}

extension JSONValue.Kind {
    /// As in "not a number".
    package var withArticle: String {
        switch self {
        case .object, .array: "an \(rawValue)"
        case .string, .number, .boolean: "a \(rawValue)"
        case .null: "null"
        }
    }
}
