// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import Testing

@testable import Storefront

@Suite("CardNumber") struct CardNumberTests {
    @Test(arguments: [
        #"{"payment_method":"4242424242424242"}"#, #"{"payment_method":"4242 4242 4242 4242"}"#,
        #"{"payment_method":"4242-4242-4242-4242"}"#, #"{"amount":4242424242424242}"#, #"{"4242424242424242":1}"#,
        #"{"card":{"number":"378282246310005"}}"#, #"{"a":[1,["x","my card is 6011111111111117, thanks"]]}"#,
        #"{"a":"4222222222222"}"#, #""4242\u00342424242424242""#,
        #"{"payment_method":"pm_4242_4242_4242_4242"}"#, #""4242  4242 - 4242__4242""#, #""7 4242424242424242 12""#,
        #""1234_4242_4242_4242_4242""#, #""4242424242424242-4242-4242-4242-424242424242""#,
    ])
    func `is found wherever it stands`(json: String) throws {
        #expect(CardNumber.isIn(try JSONText(checking: Array(json.utf8), nestingMax: 64)))
    }

    @Test(arguments: [
        #"{"amount":1999,"currency":"EUR","payment_method":"pm_1MtwBwLkdIwHu7ix28a3tqPa"}"#,
        #"{"payment":"42424242-4242-7242-8242-424242424242","amount":424242424242}"#, #""4242424242424243""#,
        #""424242424242""#, #""0000000000000000""#, #""42424242424242424242""#, "[]",
    ])
    func `is not seen in what is none`(json: String) throws {
        #expect(!CardNumber.isIn(try JSONText(checking: Array(json.utf8), nestingMax: 64)))
    }

    @Test(arguments: [
        "4242424242424242", "order-7:4242-4242-4242-4242", "20261123_378282246310005", "pm_5555555555554444",
    ])
    func `is found in a key`(key: String) {
        #expect(CardNumber.isIn(key: key))
    }

    @Test func `is not seen in keys that people make`() {
        var generator = SplitMix64(seed: 4122)
        func hexadecimal(_ count: Int) -> String {
            String((0..<count).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" })
        }
        for number in 0..<5000 {
            let uuid = [8, 4, 4, 4, 12].map(hexadecimal).joined(separator: "-")
            let milliseconds = 1_795_425_067_123 + number * 8_640_017
            let date = Timestamp(unixMilliseconds: Int64(milliseconds)).rfc3339.prefix(19)
            for key in [
                uuid, uuid.uppercased(), "order-\(uuid)", "\(uuid)_\(uuid)", hexadecimal(32),
                "sha256:\(hexadecimal(64))",
                "\(milliseconds)", "order_\(milliseconds)_\(number)", "refund-\(date)-\(number)",
                "\(date.filter(\.isNumber))-\(number)", "00000000000\(1000 + number)", "order-\(number)",
            ] {
                #expect(!CardNumber.isIn(key: key), "\(key)")
            }
        }
    }

    @Test func `of any length and grouping is found by its check digit alone`() {
        var generator = SplitMix64(seed: 7812)
        for _ in 0..<5000 {
            let length = Int.random(in: 13...19, using: &generator)
            var digits = (1..<length).map { _ in Int.random(in: 0...9, using: &generator) }
            if digits.allSatisfy({ $0 == 0 }) { digits[0] = 4 }
            let sum = digits.reversed().enumerated().reduce(0) { sum, digit in
                let doubled = digit.offset.isMultiple(of: 2) ? digit.element * 2 : digit.element
                return sum + (doubled > 9 ? doubled - 9 : doubled)
            }
            let check = (10 - sum % 10) % 10
            func text(_ last: Int) -> String {
                (digits + [last]).map(String.init).joined(
                    separator: ["", " ", "-", "_", " - "].randomElement(using: &generator) ?? "")
            }

            #expect(CardNumber.isIn("x\(text(check))y"))
            #expect(!CardNumber.isIn("x\(text((check + 1) % 10))y"))
        }
    }
}
