// SPDX-License-Identifier: Apache-2.0

/// A payment as the gateway has it: Stripe's payment intent.
///
/// Only one that is confirmed moves money, and only once: afterwards the gateway refuses to confirm it again, whatever the
/// idempotency key.
struct GatewayIntent: Sendable, Equatable {
    enum Status: String, Sendable {
        /// It was made, and waits to be confirmed.
        case unconfirmed = "requires_confirmation"
        /// The customer has to agree, with the client secret.
        case requiresAction = "requires_action"
        case processing
        case succeeded
        /// The payment method was declined, or the customer did not agree.
        case declined = "requires_payment_method"
        case canceled
    }

    let id: String
    /// nil for one that this release does not know.
    let status: Status?
    let money: Money
    let clientSecret: String?
    /// Why it was declined, in the gateway's own word.
    let reason: String?

    /// nil when the answer is not a payment intent.
    init?(_ answer: GatewayAnswer) {
        guard answer.string("object") == "payment_intent", let id = answer.string("id"),
            let status = answer.string("status"), let money = answer.money
        else { return nil }
        self.id = id
        self.status = Status(rawValue: status)
        self.money = money
        clientSecret = answer.string("client_secret")
        let error = answer.object("last_payment_error")
        reason = error.flatMap { $0.string("decline_code") ?? $0.string("code") }
    }
}

/// A refund as the gateway has it.
struct GatewayRefund: Sendable, Equatable {
    enum Status: String, Sendable {
        case pending
        case requiresAction = "requires_action"
        case succeeded
        case failed
        case canceled
    }

    let id: String
    /// nil for one that this release does not know.
    let status: Status?
    let money: Money
    let reason: String?
    /// Our own name for it; nil for one that somebody else asked for.
    let refund: RefundID?

    /// nil when the answer is not a refund.
    init?(_ answer: GatewayAnswer) {
        guard answer.string("object") == "refund", let id = answer.string("id"), let status = answer.string("status"),
            let money = answer.money
        else { return nil }
        self.id = id
        self.status = Status(rawValue: status)
        self.money = money
        reason = answer.string("failure_reason")
        refund = answer.object("metadata")?.string(StripeGateway.refundField).flatMap { RefundID($0) }
    }
}
