// SPDX-License-Identifier: Apache-2.0

public import Millrace
import MillracePostgres

/// Tells the gateway that a payment is no longer wanted, so that the customer cannot agree to it any more.
///
/// It is submitted when an order is cancelled, abandoned or declined, in the transaction that ends it. What was charged before is
/// booked, and refunded.
public struct CancelPayment: Job {
    public static let kind: JobKind = "payments.cancel"
    public static let defaults = JobOptions.payments

    public let payment: PaymentID

    public struct Output: Codable, Sendable, Equatable {
        /// nil where there was nothing to cancel.
        public let state: PaymentState?
    }
}

/// The handler of ``CancelPayment``.
struct PaymentCanceller: Sendable {
    let gateway: StripeGateway

    /// - Throws: ``GatewayError`` and ``JobSignal`` while the gateway cannot tell; whatever the transactions throw.
    func run(_ job: CancelPayment, _ context: JobContext) async throws -> CancelPayment.Output {
        // A gateway that has not heard of it is told of it no more: the payment's own job looks, too.
        guard let (seen, intent) = try await context.write({ try PaymentRows.findUnwanted(job.payment, in: $0) }),
            seen.state != .succeeded
        else { return .init(state: nil) }
        let verdict: PaymentVerdict
        do throws(GatewayError) {
            verdict = .stands(try await gateway.withdraw(intent, key: context.idempotencyKey(for: "cancel")))
        } catch {
            throw error.signal(context.logger)
        }
        return try await context.transaction { transaction in
            .init(state: try PaymentBook.settle(seen, verdict, in: transaction, logger: context.logger))
        }
    }
}
