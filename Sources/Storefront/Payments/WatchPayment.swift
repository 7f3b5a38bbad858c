// SPDX-License-Identifier: Apache-2.0

import Logging
public import Millrace
import MillracePostgres

/// Asks the gateway now and then for a payment that it works on.
///
/// It is submitted when a payment begins to be processed, in the transaction that writes so. The gateway's webhook tells
/// sooner; this is for the event that is lost.
public struct WatchPayment: Job {
    public static let kind: JobKind = "payments.watch"
    public static let defaults = JobOptions.payments

    public let payment: PaymentID

    public struct Output: Codable, Sendable, Equatable {
        /// nil where the gateway was not asked, as it had told by then.
        public let state: PaymentState?
    }
}

/// The handler of ``WatchPayment``.
struct PaymentWatcher: Sendable {
    let gateway: StripeGateway

    /// - Throws: ``GatewayError`` and ``JobSignal`` while the gateway cannot tell; whatever the transactions throw.
    func run(_ job: WatchPayment, _ context: JobContext) async throws -> WatchPayment.Output {
        guard
            let (seen, intent, isOverdue) = try await context.write({
                try PaymentRows.findProcessing(job.payment, in: $0)
            })
        else { return .init(state: nil) }
        let verdict = try await ask(intent, isOverdue: isOverdue, context.logger)
        return try await context.transaction { transaction in
            .init(state: try PaymentBook.settle(seen, verdict, in: transaction, logger: context.logger))
        }
    }

    private func ask(_ intent: String, isOverdue: Bool, _ logger: Logger) async throws -> PaymentVerdict {
        do throws(GatewayError) {
            let current = try await gateway.intent(intent)
            if current.status != .processing { return .stands(current) }
        } catch {
            guard isOverdue else { throw error.signal(logger) }
        }
        guard isOverdue else { throw JobSignal.snooze(PaymentLimits.watchInterval) }
        return .needsReview(code: "unsettled")
    }
}
