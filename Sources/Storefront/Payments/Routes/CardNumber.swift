// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Finds what looks like a payment card's number: whoever lets one in has to guard it as card companies demand (PCI DSS).
enum CardNumber {
    /// Digits, by ISO/IEC 7812.
    private static let length = 13...19
    /// Digits of a group that may belong to a number while its neighbour does not.
    private static let groupMin = 3
    /// Digits of a number in hexadecimal that is an id.
    private static let hexadecimalMin = 32

    /// Whether a name, a string or a number of a JSON text holds one. Ids are passed over: their digits mean nothing.
    static func isIn(_ text: JSONText) -> Bool {
        var rest = [text.root]
        while let value = rest.popLast() {
            switch value.kind {
            case .object:
                let members = text.members(of: value)
                if members.contains(where: { isIn($0.name) }) { return true }
                rest += members.map(\.value)
            case .array: rest += text.elements(of: value)
            case .string: if let string = text.string(value), isIn(string) { return true }
            case .number: if isIn(String(decoding: text.raw(value), as: UTF8.self)) { return true }
            case .boolean, .null: break
            }
        }
        return false
    }

    /// Digits in a row, as many as a card has and with its check digit. Spaces, hyphens and underscores may stand between them.
    static func isIn(_ text: String) -> Bool { contains(text) { _ in true } }

    /// As ``isIn(_:)-(String)``, but for times and numbers with leading zeros, of which keys are often made: they begin with 0, 1
    /// or 20, as no card does that a gateway takes.
    static func isIn(key: String) -> Bool {
        contains(key) { digits in digits[0] > 2 || digits[0] == 2 && digits[1] > 0 }
    }

    private static func contains(_ text: String, where isPossible: ([UInt8]) -> Bool) -> Bool {
        runs(Array(text.utf8)).contains { groups in
            candidates(groups).contains { isPossible($0) && hasCheckDigit($0) }
        }
    }

    // MARK: - Digits

    /// Runs of digits, each as the groups that separators make of it. Ids are passed over: their digits mean nothing.
    private static func runs(_ bytes: [UInt8]) -> [[[UInt8]]] {
        var runs: [[[UInt8]]] = []
        var groups: [[UInt8]] = []
        var isInGroup = false
        var index = 0
        while index < bytes.count {
            let passed = index == 0 || !isHexadecimal(bytes[index - 1]) ? idLength(bytes[index...]) : 0
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9") where passed == 0:
                if !isInGroup { groups.append([]) }
                groups[groups.count - 1].append(bytes[index] - UInt8(ascii: "0"))
                isInGroup = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "_"): isInGroup = false
            default:
                runs.append(groups)
                groups = []
                isInGroup = false
            }
            index += max(1, passed)
        }
        runs.append(groups)
        return runs
    }

    /// What may be a number: a whole run, or neighbouring groups of it that are not small. Other numbers may stand beside it.
    private static func candidates(_ groups: [[UInt8]]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for start in groups.indices {
            var digits: [UInt8] = []
            var areLarge = true
            for end in start..<groups.count {
                digits += groups[end]
                areLarge = areLarge && groups[end].count >= groupMin
                let isWhole = start == 0 && end == groups.count - 1
                if digits.count > length.upperBound { break }
                if digits.count >= length.lowerBound, areLarge || isWhole { found.append(digits) }
            }
        }
        return found
    }

    // MARK: - Ids

    /// Bytes of the UUID, digest or other long number in hexadecimal that these bytes begin with; 0 where there is none.
    private static func idLength(_ bytes: ArraySlice<UInt8>) -> Int {
        let word = bytes.prefix { isHexadecimal($0) }
        if word.count >= hexadecimalMin { return word.contains { $0 > UInt8(ascii: "9") } ? word.count : 0 }
        let uuid = bytes.prefix(36)
        let isUUID =
            uuid.count == 36
            && uuid.enumerated().allSatisfy { offset, byte in
                [8, 13, 18, 23].contains(offset) ? byte == UInt8(ascii: "-") : isHexadecimal(byte)
            }
        return isUUID && bytes.dropFirst(36).first.map(isHexadecimal) != true ? 36 : 0
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { Hexadecimal.value(of: byte) != nil }

    /// Luhn's: every second digit from the right is doubled, and all digits of the results add up to a multiple of ten.
    private static func hasCheckDigit(_ digits: [UInt8]) -> Bool {
        let sum = digits.reversed().enumerated().reduce(0) { sum, digit in
            let value = digit.offset.isMultiple(of: 2) ? Int(digit.element) : Int(digit.element) * 2
            return sum + value / 10 + value % 10
        }
        return sum > 0 && sum.isMultiple(of: 10)
    }
}
