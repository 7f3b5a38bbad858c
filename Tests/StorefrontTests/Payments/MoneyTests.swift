// SPDX-License-Identifier: Apache-2.0

import MillraceTesting
import Testing

@testable import Storefront

@Suite("Money") struct MoneyTests {
    private static let codes = ["EUR", "USD", "JPY", "KRW", "BHD", "KWD", "ISK", "UGX", "MGA", "CHF", "XOF", "TND"]

    @Test(
        arguments: [
            (1999, "EUR", "19.99"), (5, "EUR", "0.05"), (-5, "EUR", "-0.05"), (0, "USD", "0.00"), (100, "USD", "1.00"),
            (500, "JPY", "500"), (0, "JPY", "0"), (1500, "BHD", "1.500"), (1, "KWD", "0.001"),
            (Int64.min, "EUR", "-92233720368547758.08"), (Int64.max, "JPY", "9223372036854775807"),
        ] as [(Int64, String, String)])
    func `an amount is written with the decimals of its currency`(minorUnits: Int64, code: String, text: String) throws
    {
        let money = Money(minorUnits: minorUnits, currency: try #require(Currency(code)))

        #expect(money.decimal == text)
        #expect("\(money)" == "\(text) \(code)")
    }

    @Test func `the digits of any amount are all there, and mean the same`() throws {
        var generator = SplitMix64(seed: 20_261_123)
        for _ in 0..<20_000 {
            let currency = try #require(Currency(Self.codes.randomElement(using: &generator) ?? ""))
            let minorUnits =
                Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)

            let text = Money(minorUnits: minorUnits, currency: currency).decimal

            #expect(Int64(text.filter { $0 != "." }) == minorUnits)
            let decimals = text.split(separator: ".", omittingEmptySubsequences: false).dropFirst().first?.count ?? 0
            #expect(decimals == currency.exponent, "\(text) \(currency)")
        }
    }

    @Test func `products and sums are exact, or there are none`() throws {
        var generator = SplitMix64(seed: 5_051)
        let euro = try #require(Currency("EUR"))
        func random(_ generator: inout SplitMix64) -> Int64 {
            Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)
        }
        for _ in 0..<20_000 {
            let (price, count) = (random(&generator), random(&generator))
            let (exact, rest) = price.multipliedFullWidth(by: count)
            let product = Money(minorUnits: price, currency: euro).times(count)
            #expect(product?.minorUnits == (exact == Int64(bitPattern: rest) >> 63 ? Int64(bitPattern: rest) : nil))

            let amounts = (0..<Int.random(in: 1...6, using: &generator)).map { _ in random(&generator) >> 3 }
            let sum = Money.sum(amounts.map { Money(minorUnits: $0, currency: euro) })
            #expect(sum?.minorUnits == amounts.reduce(0, +))
        }
        let (most, yen) = (Money(minorUnits: .max, currency: euro), try #require(Currency("JPY")))
        #expect(Money.sum([most, Money(minorUnits: 1, currency: euro)]) == nil)
        #expect(Money.sum([most, Money(minorUnits: 0, currency: yen)]) == nil)
        #expect(Money.sum([]) == nil)
    }

    @Test func `only codes of the standard in capital letters are currencies`() {
        for code in ["eur", "Eur", "XTS", "XAU", "DEM", "", "EU", "EURO", "€"] { #expect(Currency(code) == nil) }
        #expect(Currency("JPY")?.exponent == 0)
        #expect(Currency("EUR")?.exponent == 2)
        #expect(Currency("TND")?.exponent == 3)
    }

    @Test(
        arguments: [
            ("EUR", 1999, 1999), ("JPY", 500, 500), ("ISK", 500, 50_000), ("UGX", 1, 100), ("MGA", 500, 5),
            ("MGA", 550, nil), ("BHD", 1510, 1510), ("BHD", 1505, nil), ("ISK", Int64.max, nil),
        ] as [(String, Int64, Int64?)])
    func `the gateway counts a few currencies in its own way`(code: String, minorUnits: Int64, value: Int64?) throws {
        let money = Money(minorUnits: minorUnits, currency: try #require(Currency(code)))

        let amount = StripeAmount(money)

        #expect(amount?.value == value)
        #expect(amount?.currency == (value == nil ? nil : code.lowercased()))
    }

    @Test func `what the gateway counts is the same amount on its way back`() throws {
        var generator = SplitMix64(seed: 4217)
        for _ in 0..<20_000 {
            let currency = try #require(Currency(Self.codes.randomElement(using: &generator) ?? ""))
            let minorUnits = Int64.random(in: 1...PaymentLimits.amountMax, using: &generator)
            let money = Money(minorUnits: minorUnits, currency: currency)

            if let amount = StripeAmount(money) {
                #expect(amount.money == money)
            } else {
                #expect(!minorUnits.isMultiple(of: StripeAmount.step(of: currency)))
            }
        }
        #expect(StripeAmount(value: 150, currency: "isk").money == nil)
        #expect(StripeAmount(value: .max, currency: "mga").money == nil)
        #expect(StripeAmount(value: 1, currency: "xyz").money == nil)
    }

    @Test func `a gateway's numbers are read from their digits, or not at all`() throws {
        let answer = try #require(
            GatewayAnswer(
                Array(#"{"a":9007199254740993,"b":1999.0,"c":19.99,"d":1e3,"e":"7","f":9223372036854775808}"#.utf8)))

        #expect(answer.integer("a") == 9_007_199_254_740_993)
        for name in ["b", "c", "d", "e", "f", "g"] { #expect(answer.integer(name) == nil) }
    }
}
