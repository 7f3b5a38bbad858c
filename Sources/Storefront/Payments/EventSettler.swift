// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres

/// The handler of ``SettleEvent``.
///
/// It looks how the row stands, asks the gateway, and writes what that said unless the row has changed in between.
struct EventSettler: Sendable {
    let gateway: StripeGateway

    /// - Throws: ``GatewayError`` and ``JobSignal`` while the gateway cannot tell; whatever the transactions throw.
    func run(_ job: SettleEvent, _ context: JobContext) async throws -> SettleEvent.Output {
        // Whoever may submit jobs may submit this one.
        guard GatewayName.isValid(job.subject, prefix: job.refund == nil ? "pi_" : "re_") else {
            throw JobSignal.permanent("the subject is no name that the gateway gives")
        }
        do {
            return if let refund = job.refund {
                try await settle(refund, job.subject, context)
            } else {
                try await settleIntent(job.subject, context)
            }
        } catch let error as GatewayError {
            throw error.signal(context.logger)
        }
    }

    /// An intent without a payment is another application's: ours is in the payment's row before it is confirmed.
    private func settleIntent(_ id: String, _ context: JobContext) async throws -> SettleEvent.Output {
        guard let seen = try await context.write({ try PaymentRows.find(id, in: $0) }) else { return .init(state: nil) }
        let intent = try await gateway.intent(id)
        return try await context.transaction { transaction in
            let state = try PaymentBook.settle(seen, .stands(intent), in: transaction, logger: context.logger)
            return .init(state: state.rawValue)
        }
    }

    private func settle(_ id: RefundID, _ gatewayID: String, _ context: JobContext) async throws -> SettleEvent.Output {
        guard let seen = try await context.write({ try RefundRows.find(id, in: $0) }) else { return .init(state: nil) }
        let found = try await gateway.refund(gatewayID)
        guard found.refund == id else { throw JobSignal.permanent("\(gatewayID) is not the refund \(id)") }
        return try await context.transaction { transaction in
            let state = try PaymentBook.settle(seen, .stands(found), in: transaction, logger: context.logger)
            return .init(state: state.rawValue)
        }
    }
}
