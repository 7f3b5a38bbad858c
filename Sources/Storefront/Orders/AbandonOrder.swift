// SPDX-License-Identifier: Apache-2.0

public import Millrace
import MillracePostgres

/// Ends an order whose customer was asked to agree to the payment and did not, and gives its stock back.
///
/// It is submitted when the gateway asks the customer, ``OrderLimits/actionMax`` ahead. Where the payment has moved on,
/// or the order is younger than that, it does nothing.
public struct AbandonOrder: Job {
    public static let kind: JobKind = "orders.abandon"
    public static let defaults = JobOptions(queue: "payments", timeout: .seconds(30))

    public let order: OrderID

    public struct Output: Codable, Sendable, Equatable {
        public let isAbandoned: Bool
    }
}

public typealias OrderID = RecordID<AbandonOrder>

/// What became of an order.
public enum OrderState: String, Codable, Sendable, CaseIterable {
    /// Its stock is held, and its payment under way or waiting for somebody; the payment's own state says for whom.
    case pending
    /// The money is there, and the receipt is on its way.
    case paid
    // Of the others the stock is given back. None changes any more; money that comes for one is refunded.
    /// The gateway refused the payment.
    case declined
    /// By its user.
    case cancelled
    /// The customer did not agree to the payment in time, or nothing looked after it any more.
    case abandoned
}

extension AbandonOrder {
    /// Its handler.
    func run(_ context: JobContext) async throws -> Output {
        try await context.transaction { transaction in
            // Whoever may submit jobs may submit this one, at any time.
            Output(
                isAbandoned: try OrderBook.giveUp(
                    order, as: .abandoned, ifPaymentIs: [.requiresAction],
                    after: OrderLimits.actionMax - OrderLimits.clockTolerance, in: transaction))
        }
    }
}
