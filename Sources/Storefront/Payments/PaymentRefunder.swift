// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres

/// The handler of ``RefundPayment``.
///
/// The row says that the gateway is about to be asked; the gateway is asked; what came of it, the entries and this job's outcome
/// are committed together. A refund cannot be prepared as a charge can, so a run that is not the first looks among the payment's
/// refunds for one that carries this refund's id, and asks only if there is none, with the first run's idempotency key.
///
/// Change together: docs/decisions/0015.
struct PaymentRefunder: Sendable {
    let gateway: StripeGateway

    /// - Throws: ``GatewayError`` and ``JobSignal`` while the gateway cannot tell; whatever the transactions throw.
    func run(_ job: RefundPayment, _ context: JobContext) async throws -> RefundPayment.Output {
        let asked = try await context.write { try RefundRows.ask(job.refund, of: context.id, in: $0) }
        guard let refund = asked else {
            throw JobSignal.permanent("the refund \(job.refund) is not this job's")
        }
        if refund.seen.state == .succeeded || refund.seen.state == .failed { return .init(state: refund.seen.state) }
        let verdict: RefundVerdict
        do {
            verdict = try await ask(refund, context)
        } catch let error as GatewayError {
            guard refund.isOverdue else { throw error.signal(context.logger) }
            context.logger.warning("the gateway cannot tell of a refund", metadata: [.error: "\(error)"])
            verdict = .needsReview(code: "unsettled")
        }
        return try await context.transaction { transaction in
            .init(state: try PaymentBook.settle(refund.seen, verdict, in: transaction, logger: context.logger))
        }
    }

    private func ask(_ refund: AskedRefund, _ context: JobContext) async throws -> RefundVerdict {
        let isFirstRun = context.attempt == 1
        if !isFirstRun, let found = try await gateway.findRefund(refund.seen.id, of: refund.intent) {
            return .stands(found)
        }
        if refund.isOverdue { return .needsReview(code: "unsettled") }
        guard let amount = StripeAmount(refund.amount) else {
            return .failed(code: "amount_unsupported")
        }
        do throws(GatewayError) {
            return .stands(
                try await gateway.createRefund(
                    of: amount, intent: refund.intent, for: refund.seen.id, key: context.idempotencyKey(for: "refund")))
        } catch {
            guard error.code == .refused else { throw error }
            // An earlier run may have been heard while its answer was lost.
            let found = try await gateway.findRefund(refund.seen.id, of: refund.intent)
            return found.map(RefundVerdict.stands) ?? .failed(code: error.reason ?? "refused")
        }
    }
}
