// SPDX-License-Identifier: Apache-2.0

/// An amount of a currency, in whole minor units: 1999 of EUR are 19.99 euros, 500 of JPY are 500 yen.
///
/// It never is a floating-point number, which can hold neither 0.10 nor every large amount.
public struct Money: Hashable, Sendable, CustomStringConvertible {
    public let minorUnits: Int64
    public let currency: Currency

    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// As people write it, with all decimals and without the currency: `19.99`, `500`, `-0.05`.
    public var decimal: String {
        let sign = minorUnits < 0 ? "-" : ""
        let digits = String(minorUnits.magnitude)
        guard currency.exponent > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, currency.exponent + 1 - digits.count)) + digits
        return "\(sign)\(padded.dropLast(currency.exponent)).\(padded.suffix(currency.exponent))"
    }

    public var description: String { "\(decimal) \(currency)" }

    /// nil when it is more than can be told.
    func times(_ count: Int64) -> Money? {
        let (product, overflow) = minorUnits.multipliedReportingOverflow(by: count)
        return overflow ? nil : Money(minorUnits: product, currency: currency)
    }

    /// nil when it is more than can be told, for amounts of several currencies, and for none at all.
    static func sum(_ amounts: [Money]) -> Money? {
        guard var sum = amounts.first else { return nil }
        for amount in amounts.dropFirst() {
            let (minorUnits, overflow) = sum.minorUnits.addingReportingOverflow(amount.minorUnits)
            guard amount.currency == sum.currency, !overflow else { return nil }
            sum = Money(minorUnits: minorUnits, currency: sum.currency)
        }
        return sum
    }
}
