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
    ])
    func `is found wherever it stands`(json: String) throws {
        #expect(CardNumber.isIn(try JSONText(checking: Array(json.utf8), nestingMax: 64)))
    }

    @Test(arguments: [
        #"{"amount":1999,"currency":"EUR","payment_method":"pm_1MtwBwLkdIwHu7ix28a3tqPa"}"#,
        #"{"payment":"42424242-4242-7242-8242-424242424242","amount":424242424242}"#, #""4242424242424243""#,
        #""424242424242""#, #""0000000000000000""#, #""4242  4242 4242 4242""#, #""42424242424242424242""#, "[]",
    ])
    func `is not seen in what is none`(json: String) throws {
        #expect(!CardNumber.isIn(try JSONText(checking: Array(json.utf8), nestingMax: 64)))
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
                    separator: ["", " ", "-"].randomElement(using: &generator) ?? "")
            }

            #expect(CardNumber.isIn("x\(text(check))y"))
            #expect(!CardNumber.isIn("x\(text((check + 1) % 10))y"))
        }
    }
}
