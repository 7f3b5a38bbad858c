// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import PostgresDriver

/// `/v1/payments` and `/v1/refunds`.
///
/// A request is written down together with its job, in one transaction, and answered; the gateway is the job's concern.
struct PaymentRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    /// Whether this process knows a gateway: what is accepted should have a chance to be carried out.
    let hasGateway: Bool

    var routes: [Route] {
        let queue = AccessRule.Reach.queue(ChargePayment.defaults.queue)
        return [
            Route(.post, PaymentAddress.all, .scope(.submit, queue)) { (request) throws(Problem) in
                try await pay(request)
            },
            Route(.get, "\(PaymentAddress.all)/{id}", .scope(.readPayload, queue)) { (request) throws(Problem) in
                try await show(request)
            },
            Route(.post, "/v1/refunds", .scope(.submit, queue)) { (request) throws(Problem) in
                try await refund(request)
            },
        ]
    }

    private func pay(_ request: APIRequest) async throws(Problem) -> Answer {
        let (wanted, bytes, key) = try await request.readPayment(
            hasGateway: hasGateway, known: PaymentRequest.known, PaymentRequest.init)
        let payment = PaymentID()
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        return try await Problem.told(request.logger) {
            try await ledger.answer(request, body: bytes, key: key, timeout: Self.timeout) { transaction in
                let job = try transaction.enqueue(ChargePayment(payment: payment), options)
                return (job, PaymentView.accepted(payment, job))
            } write: { job, transaction in
                try PaymentRows.insert(payment, job: job, wanted.amount, method: wanted.method, in: transaction)
            }
        }
    }

    private func refund(_ request: APIRequest) async throws(Problem) -> Answer {
        let (wanted, bytes, key) = try await request.readPayment(
            hasGateway: hasGateway, known: RefundRequest.known, RefundRequest.init)
        let refund = RefundID()
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        return try await Problem.told(request.logger) {
            do {
                return try await ledger.answer(request, body: bytes, key: key, timeout: Self.timeout) { transaction in
                    let job = try transaction.enqueue(RefundPayment(refund: refund), options)
                    return (job, PaymentView.accepted(refund, of: wanted.payment, job))
                } write: { job, transaction in
                    let amount = try RefundRows.insert(
                        refund, job: job, of: wanted.payment, minorUnits: wanted.minorUnits, in: transaction)
                    try Self.check(amount, of: wanted.payment, in: transaction)
                }
            } catch let error as PostgresError where error.constraint == RefundRows.aboveCharge {
                throw Problem(.refundAboveCharge, "with this refund more than the charge would be given back")
            } catch let error as PostgresError where error.constraint == RefundRows.nothingLeft {
                throw Problem(.refundAboveCharge, "all of the charge is refunded, or about to be")
            }
        }
    }

    /// - Parameter amount: of the refund as it was written; nil when there is no charge.
    private static func check(
        _ amount: Money?, of payment: PaymentID, in transaction: LedgerTransaction
    ) throws {
        if let amount {
            if let fault = StripeAmount.fault(of: amount) { throw Problem(.invalidField, Faults(fault)) }
        } else if let payment = try PaymentRows.read(payment, in: transaction) {
            throw Problem(
                .wrongState, "the payment is \(payment.state.rawValue): only one that has succeeded can be refunded")
        } else {
            throw Problem.missing(payment)
        }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let text = request.pathParameters["id"] ?? ""
        guard let id = PaymentID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not a payment's id: a UUID of 36 characters")
        }
        let row = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try PaymentRows.read(id, in: $0) }
        }
        guard let row else { throw .missing(id) }
        return PaymentView.payment(row)
    }
}

/// The addresses of payments.
enum PaymentAddress {
    static let all = "/v1/payments"

    static func payment(_ id: PaymentID) -> String { "\(all)/\(id)" }
}
