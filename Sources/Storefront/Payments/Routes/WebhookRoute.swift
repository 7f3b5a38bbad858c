// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres

/// `POST /v1/webhooks/stripe`: takes the gateway's word that something has changed.
///
/// An event whose signature is right is written down with its job, in one transaction, unless its id is known; then it is answered. What
/// it says of amounts and states is not used: the job asks.
struct WebhookRoute: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    /// nil where no webhooks are taken.
    let secret: Secret?
    var now: @Sendable () -> Timestamp = { .now() }
    private let slots = Slots(PaymentLimits.eventsMax)

    var routes: [Route] {
        [Route(.post, "/v1/webhooks/stripe", .open) { (request) throws(Problem) in try await take(request) }]
    }

    private func take(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        guard let secret else { throw Problem.unset(GatewayConfiguration.webhookVariable).closing }
        guard let signature = request.headers[.stripeSignature].flatMap({ StripeSignature($0) }) else {
            throw Problem.invalidSignature.closing
        }
        guard slots.take() else {
            throw Problem.overloaded("\(PaymentLimits.eventsMax) webhooks are being read already").closing
        }
        defer { slots.giveBack() }
        return try await request.body.withBytes(upTo: PaymentLimits.eventBytesMax) {
            (bytes) throws(Problem) -> Answer in
            guard signature.isValid(for: bytes, secret: secret) else { throw Problem.invalidSignature }
            let time = now()
            guard signature.isCurrent(at: time) else {
                // Nobody but the gateway comes here, or who repeats its words: all events are refused by a clock that is wrong.
                request.logger.warning(
                    "a webhook that is signed as it should be is refused for its time: is the clock of this machine right?",
                    metadata: [.elapsed: "\(signature.age(at: time))"])
                throw Problem.invalidSignature
            }
            guard let event = Event(bytes) else {
                throw Problem(.malformedJSON, "the body is not an event of Stripe's")
            }
            if let job = event.job {
                try await Problem.told(request.logger) {
                    try await ledger.transaction(timeout: Self.timeout) { transaction in
                        guard try PaymentRows.keepEvent(event.id, type: event.type, in: transaction) else { return }
                        try transaction.enqueue(job)
                    }
                }
            }
            return Answer { json in json.member("received", true) }
        }
    }

    private struct Event {
        let id: String
        let type: String
        /// nil for what does not concern payments.
        let job: SettleEvent?

        /// nil unless it is an event.
        init?(_ bytes: [UInt8]) {
            guard let answer = GatewayAnswer(bytes), let id = answer.string("id"), let type = answer.string("type"),
                GatewayName.isValid(id, prefix: "evt_"), let object = answer.object("data")?.object("object")
            else { return nil }
            self.id = id
            self.type = type
            job = Self.job(id, object)
        }

        private static func job(_ event: String, _ object: GatewayAnswer) -> SettleEvent? {
            guard let subject = object.string("id") else { return nil }
            switch object.string("object") {
            case "payment_intent" where GatewayName.isValid(subject, prefix: "pi_"):
                return SettleEvent(event: event, subject: subject, refund: nil)
            case "refund" where GatewayName.isValid(subject, prefix: "re_"):
                // One that somebody asked for elsewhere is none of ours.
                let refund = object.object("metadata")?.string(StripeGateway.refundField).flatMap { RefundID($0) }
                return refund.map { SettleEvent(event: event, subject: subject, refund: $0) }
            default: return nil
            }
        }
    }
}

extension Problem {
    fileprivate static var invalidSignature: Problem {
        let seconds = PaymentLimits.signatureTolerance.components.seconds
        return Problem(.invalidSignature, "Stripe-Signature is missing, wrong or older than \(seconds) s")
    }
}

extension HTTPField.Name {
    fileprivate static let stripeSignature: HTTPField.Name = {
        guard let name = HTTPField.Name("Stripe-Signature") else { preconditionFailure("a valid name") }
        return name
    }()
}
