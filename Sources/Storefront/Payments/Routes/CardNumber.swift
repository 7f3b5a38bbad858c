// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Finds what looks like a payment card's number: whoever lets one in has to guard it as card companies demand (PCI DSS).
enum CardNumber {
    /// Digits, by ISO/IEC 7812.
    private static let length = 13...19

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

    /// Digits in a row, single spaces and hyphens between them allowed, as many as a card has and with its check digit.
    static func isIn(_ text: String) -> Bool {
        guard JobID(text) == nil else { return false }
        var digits: [UInt8] = []
        var separators = 0
        for byte in Array(text.utf8) + [UInt8(ascii: ".")] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(byte - UInt8(ascii: "0"))
                separators = 0
            case UInt8(ascii: " ") where separators == 0, UInt8(ascii: "-") where separators == 0:
                separators = 1
            default:
                if length ~= digits.count, hasCheckDigit(digits) { return true }
                digits = []
                separators = 0
            }
        }
        return false
    }

    /// Luhn's: every second digit from the right is doubled, and all digits of the results add up to a multiple of ten.
    private static func hasCheckDigit(_ digits: [UInt8]) -> Bool {
        let sum = digits.reversed().enumerated().reduce(0) { sum, digit in
            let value = digit.offset.isMultiple(of: 2) ? Int(digit.element) : Int(digit.element) * 2
            return sum + value / 10 + value % 10
        }
        return sum > 0 && sum.isMultiple(of: 10)
    }
}
