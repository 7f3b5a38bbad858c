// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres

/// What becomes of an order when its payment changes, in the transaction that changes it.
///
/// That transaction also writes the entries and records the job's outcome, so that all of it is there or none. The
/// payment's row is locked, then the order's, then the products': everybody locks in this order.
enum OrderBook {
    /// Called by ``PaymentBook`` for each change of a payment, after its charge is booked.
    static func follow(
        _ payment: PaymentID, from old: PaymentState, to new: PaymentState, in transaction: LedgerTransaction
    ) throws {
        // Not every payment is for an order.
        guard let order = try OrderRows.lock(of: payment, in: transaction) else { return }
        let isPending = order.state == .pending
        switch new {
        case .succeeded where isPending: try pay(order, in: transaction)
        case .succeeded: try giveBack(payment, in: transaction)
        case .declined: try decline(order.id, in: transaction)
        case .requiresAction where old == .requiresAction: break
        case .requiresAction where isPending:
            try transaction.enqueue(AbandonOrder(order: order.id), EnqueueOptions(delay: OrderLimits.actionMax))
        case .requiresAction: try transaction.enqueue(CancelPayment(payment: payment))
        case .pending, .processing, .needsReview: break
        }
    }

    /// Ends a pending order that nobody wants any more, gives its stock back, and has the gateway forget its payment.
    ///
    /// Whether the gateway has been asked makes no difference: what it charges all the same is refunded. Only where
    /// nobody can tell whether there is a charge, the order is kept for the person who finds out; a payment that the
    /// gateway has no intent of has none.
    /// - Parameter age: that it must have.
    /// - Returns: false when it has ended before, is younger, or its payment stands otherwise.
    static func giveUp(
        _ id: OrderID, as state: OrderState, ifPaymentIs states: [PaymentState], after age: Duration = .zero,
        in transaction: LedgerTransaction
    ) throws -> Bool {
        let ended = try OrderRows.end(id, as: state, ifPaymentIs: states, after: age, in: transaction)
        guard let ended else { return false }
        try transaction.enqueue(CancelPayment(payment: ended.payment))
        return true
    }

    /// The customer's page may still try another card on the intent, until the gateway has forgotten it.
    private static func decline(_ id: OrderID, in transaction: LedgerTransaction) throws {
        let ended = try OrderRows.end(id, as: .declined, ifPaymentIs: [.declined], in: transaction)
        if let ended, ended.hasIntent { try transaction.enqueue(CancelPayment(payment: ended.payment)) }
    }

    private static func pay(_ order: LockedOrder, in transaction: LedgerTransaction) throws {
        let lines = try OrderRows.lines(of: order.id, in: transaction)
        let receipt = try transaction.send(try Receipt(of: order, lines).email)
        try OrderRows.pay(order.id, receipt: receipt, in: transaction)
    }

    /// The money came after the order had ended, and its stock may be somebody else's by now.
    private static func giveBack(_ payment: PaymentID, in transaction: LedgerTransaction) throws {
        let refund = RefundID()
        let job = try transaction.enqueue(RefundPayment(refund: refund))
        _ = try RefundRows.insert(refund, job: job, of: payment, minorUnits: nil, in: transaction)
    }
}

/// The mail that says that an order is paid.
private struct Receipt {
    let email: SendEmail

    init(of order: LockedOrder, _ lines: [OrderLine]) throws {
        guard let total = Money.sum(lines.map(\.amount)) else {
            throw JobSignal.permanent("the order \(order.id) has no total")
        }
        let items = lines.map { line in
            TemplateValue.object([
                "name": .string("\(line.quantity) × \(line.name)"), "amount": .string("\(line.amount)"),
            ])
        }
        email = SendEmail(
            to: Mailbox(try EmailAddress(order.email)),
            try EmailMessage(
                template: "receipt",
                values: ["order": .string("\(order.id)"), "items": .array(items), "total": .string("\(total)")]))
    }
}
