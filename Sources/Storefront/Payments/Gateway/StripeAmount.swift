// SPDX-License-Identifier: Apache-2.0

/// An amount as Stripe counts it: in the currency's minor unit, but for a few currencies.
///
/// <https://docs.stripe.com/currencies>: ISK and UGX have lost their decimals and are still counted with two; MGA has two and
/// is counted without; where the standard has three decimals, the last one must be 0.
struct StripeAmount: Equatable, Sendable {
    let value: Int64
    /// In small letters.
    let currency: String

    private static let inHundredths: Set<String> = ["ISK", "UGX"]
    private static let inHundreds: Set<String> = ["MGA"]

    init(value: Int64, currency: String) {
        self.value = value
        self.currency = currency
    }

    /// nil for what Stripe cannot express.
    init?(_ money: Money) {
        let code = money.currency.code
        guard money.minorUnits.isMultiple(of: Self.step(of: money.currency)) else { return nil }
        let (product, overflow) = money.minorUnits.multipliedReportingOverflow(
            by: Self.inHundredths.contains(code) ? 100 : 1)
        guard !overflow else { return nil }
        value = Self.inHundreds.contains(code) ? product / 100 : product
        currency = code.lowercased()
    }

    /// nil for an amount that is no whole number of minor units, and for a currency that is none.
    var money: Money? {
        let code = currency.uppercased()
        guard let currency = Currency(code) else { return nil }
        if Self.inHundredths.contains(code) {
            return value.isMultiple(of: 100) ? Money(minorUnits: value / 100, currency: currency) : nil
        }
        let (minorUnits, overflow) = value.multipliedReportingOverflow(by: Self.inHundreds.contains(code) ? 100 : 1)
        return overflow ? nil : Money(minorUnits: minorUnits, currency: currency)
    }

    /// The minor units of which Stripe takes whole multiples alone.
    static func step(of currency: Currency) -> Int64 {
        if inHundreds.contains(currency.code) { return 100 }
        return currency.exponent == 3 ? 10 : 1
    }
}
