// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// The body of `POST /v1/payments`.
struct PaymentRequest: Sendable {
    static let known = ["amount", "currency", "payment_method"]

    let amount: Money
    /// The gateway's token of a payment method.
    let method: String

    /// nil when it found faults, which it has noted then.
    init?(_ members: MemberReader, _ faults: inout Faults) {
        let minorUnits = members.amount(&faults)
        let currency = members.required(
            "currency", .string, expected: "a code of ISO 4217 in capital letters, such as EUR", &faults
        ) { members.text.string($0).flatMap { Currency($0) } }
        let method = members.required(
            "payment_method", .string, expected: "the token of a payment method, pm_…", &faults
        ) { members.text.string($0).flatMap { GatewayName.isValid($0, prefix: "pm_") ? $0 : nil } }
        guard let minorUnits, let currency, let method else { return nil }
        amount = Money(minorUnits: minorUnits, currency: currency)
        self.method = method
        if let fault = StripeAmount.fault(of: amount) { faults.append(fault) }
    }
}

/// The body of `POST /v1/refunds`.
struct RefundRequest: Sendable {
    static let known = ["payment", "amount"]

    let payment: PaymentID
    /// nil for all that is left.
    let minorUnits: Int64?

    /// nil when it found faults, which it has noted then.
    init?(_ members: MemberReader, _ faults: inout Faults) {
        let payment = members.required("payment", .string, expected: "a payment's id: a UUID", &faults) {
            members.text.string($0).flatMap { PaymentID($0) }
        }
        minorUnits = members.members["amount"] == nil ? nil : members.amount(&faults)
        guard let payment else { return nil }
        self.payment = payment
    }
}

extension StripeAmount {
    /// What is wrong with an amount that Stripe cannot express; nil where it can.
    static func fault(of amount: Money) -> Fault? {
        guard StripeAmount(amount) == nil else { return nil }
        let step = Self.step(of: amount.currency)
        return Fault("/amount", "the gateway takes \(amount.currency) in steps of \(step) minor units")
    }
}

extension MemberReader {
    fileprivate func amount(_ faults: inout Faults) -> Int64? {
        let expected = "a whole number of minor units (1999 for 19.99 EUR), from 1 to \(PaymentLimits.amountMax)"
        return required("amount", .number, expected: expected, &faults) { value in
            text.integer(value).map(Int64.init).flatMap { 1...PaymentLimits.amountMax ~= $0 ? $0 : nil }
        }
    }
}
