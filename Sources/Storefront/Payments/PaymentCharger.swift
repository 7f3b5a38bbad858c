// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres

/// The handler of ``ChargePayment``.
///
/// 1. The row says that the gateway is about to be asked.
/// 2. The gateway makes an intent. No money moves, so nothing is lost with one whose name never reaches us.
/// 3. The row says which intent is the payment's, once for all.
/// 4. That one is confirmed, which moves the money.
/// 5. What came of it, the entries and this job's outcome are committed together.
///
/// A run may end between any two of these, and even go on while another runs. All confirm the one intent that the row names, and
/// the gateway confirms an intent once: there is no second charge, also after it has forgotten the idempotency keys. A run that finds an
/// intent asks how it stands before anything else.
///
/// Change together: docs/decisions/0015.
struct PaymentCharger: Sendable {
    let gateway: StripeGateway

    /// - Throws: ``GatewayError`` and ``JobSignal`` while the gateway cannot tell; whatever the transactions throw.
    func run(_ job: ChargePayment, _ context: JobContext) async throws -> ChargePayment.Output {
        let asked = try await context.write { try PaymentRows.ask(job.payment, of: context.id, in: $0) }
        guard let payment = asked else {
            throw JobSignal.permanent("the payment \(job.payment) is not this job's")
        }
        if payment.seen.state == .succeeded { return .init(state: .succeeded) }
        let verdict: PaymentVerdict?
        do {
            verdict = try await ask(payment, context)
        } catch let error as GatewayError {
            guard payment.isOverdue, payment.isUnsettled else { throw error.signal(context.logger) }
            context.logger.warning("the gateway cannot tell of a payment", metadata: [.error: "\(error)"])
            verdict = .needsReview(code: "unsettled")
        }
        guard let verdict else { return .init(state: payment.seen.state) }
        return try await context.transaction { transaction in
            .init(state: try PaymentBook.settle(payment.seen, verdict, in: transaction, logger: context.logger))
        }
    }

    /// nil when it stands as it stood.
    private func ask(_ payment: AskedPayment, _ context: JobContext) async throws -> PaymentVerdict? {
        if let known = payment.intent {
            let intent = try await gateway.intent(known)
            guard intent.status == .unconfirmed else { return .stands(intent) }
        }
        guard payment.isWanted else {
            guard let known = payment.intent else { return .declined(code: "canceled") }
            return .stands(try await gateway.withdraw(known, key: context.idempotencyKey(for: "cancel")))
        }
        guard let amount = StripeAmount(payment.amount) else { return .declined(code: "amount_unsupported") }
        if payment.isOverdue { return payment.isUnsettled ? .needsReview(code: "unsettled") : nil }
        do {
            let intent =
                if let known = payment.intent { known } else { try await createIntent(of: amount, payment, context) }
            return try await confirm(intent, context)
        } catch let error as GatewayError where error.code == .refused {
            return .declined(code: error.reason ?? "refused")
        }
    }

    private func createIntent(
        of amount: StripeAmount, _ payment: AskedPayment, _ context: JobContext
    ) async throws -> String {
        let intent = try await gateway.createIntent(
            of: amount, method: payment.method, for: payment.seen.id, key: context.idempotencyKey(for: "create"))
        let isKept = try await context.write { try PaymentRows.keep(intent.id, of: payment.seen.id, in: $0) }
        guard isKept else { throw JobSignal.snooze(.seconds(1)) }
        return intent.id
    }

    private func confirm(_ intent: String, _ context: JobContext) async throws -> PaymentVerdict {
        do throws(GatewayError) {
            return .stands(try await gateway.confirm(intent, key: context.idempotencyKey(for: "confirm")))
        } catch {
            guard error.code == .refused else { throw error }
            // Declined, as the intent then says; or confirmed before, by a run whose answer was lost.
            let current = try await gateway.intent(intent)
            guard current.status == .unconfirmed else { return .stands(current) }
            throw error
        }
    }
}
