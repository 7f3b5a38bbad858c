// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres

/// What is known of a payment after the gateway was asked.
enum PaymentVerdict: Sendable, Equatable {
    /// How it stands there.
    case stands(GatewayIntent)
    /// It was refused, so that no money was taken.
    case declined(code: String)
    /// Nobody but a person can tell.
    case needsReview(code: String)
}

/// What is known of a refund after the gateway was asked.
enum RefundVerdict: Sendable, Equatable {
    case stands(GatewayRefund)
    case failed(code: String)
    case needsReview(code: String)
}

/// Turns what the gateway says into rows, in the transaction that records a job's outcome.
///
/// The job that asked for the money and any number of webhooks may come here at the same time, in any order. The row is locked,
/// so they come one by one; a payment that has succeeded never changes, and entries are written once. A gateway's
/// word that is older than the last change is not written: the job asks again.
enum PaymentBook {
    private static let askAgain = JobSignal.snooze(.seconds(1))

    // MARK: - Payments

    /// - Parameter seen: how the payment stood before the gateway was asked.
    static func settle(
        _ seen: SeenPayment, _ verdict: PaymentVerdict, in transaction: LedgerTransaction, logger: Logger
    ) throws -> PaymentState {
        guard let (payment, amount) = try PaymentRows.lock(seen.id, in: transaction) else {
            throw JobSignal.permanent("there is no payment \(seen.id) any more")
        }
        if payment.state == .succeeded { return .succeeded }
        guard payment.revision == seen.revision else { throw askAgain }
        guard let next = change(verdict, amount) else { return payment.state }
        // The intent of a declined order is cancelled; why it was declined should still be told.
        if payment.state == .declined, next == .canceled { return .declined }
        if next.state == .needsReview {
            logger.error("a payment needs review", metadata: [.address: "\(seen.id)", .state: "\(next.code ?? "")"])
        }
        try PaymentRows.change(
            seen.id, to: next.state, code: next.code, clientSecret: next.clientSecret, in: transaction)
        if next.state == .succeeded { try PaymentRows.book(seen.id, in: transaction) }
        if next.state == .processing, payment.state != .processing {
            try transaction.enqueue(
                WatchPayment(payment: seen.id), EnqueueOptions(delay: PaymentLimits.watchInterval))
        }
        try OrderBook.follow(seen.id, from: payment.state, to: next.state, in: transaction)
        return next.state
    }

    private struct Change: Equatable {
        static let canceled = Change(state: .declined, code: "canceled")

        let state: PaymentState
        var code: String?
        var clientSecret: String?
    }

    /// nil when there is nothing to write yet.
    private static func change(_ verdict: PaymentVerdict, _ amount: Money) -> Change? {
        switch verdict {
        case .declined(let code): return Change(state: .declined, code: code)
        case .needsReview(let code): return Change(state: .needsReview, code: code)
        case .stands(let intent):
            guard intent.money == amount else { return Change(state: .needsReview, code: "amount_differs") }
            switch intent.status {
            case .succeeded: return Change(state: .succeeded)
            case .declined: return Change(state: .declined, code: intent.reason ?? "declined")
            case .canceled: return .canceled
            case .requiresAction: return Change(state: .requiresAction, clientSecret: intent.clientSecret)
            case .processing: return Change(state: .processing)
            case .unconfirmed: return nil
            case nil: return Change(state: .needsReview, code: "status_unknown")
            }
        }
    }

    // MARK: - Refunds

    /// - Parameter seen: how the refund stood before the gateway was asked.
    static func settle(
        _ seen: SeenRefund, _ verdict: RefundVerdict, in transaction: LedgerTransaction, logger: Logger
    ) throws -> RefundState {
        guard let locked = try RefundRows.lock(seen.id, in: transaction) else {
            throw JobSignal.permanent("there is no refund \(seen.id) any more")
        }
        let refund = locked.seen
        if refund.state == .failed { return .failed }
        let told = Self.told(verdict, locked.amount)
        if locked.isBooked {
            // Its entries stay, and its amount stays reserved: what becomes of the money, people decide.
            guard refund.state == .succeeded, told.state == .failed else { return refund.state }
        }
        guard refund.revision == seen.revision else { throw askAgain }
        let metadata: [LogKey: Logger.MetadataValue] = [.address: "\(seen.id)", .state: "\(told.code ?? "")"]
        var state = told.state
        if state == .failed {
            logger.error("a refund failed", metadata: metadata)
            if locked.isBooked || locked.isOwed { state = .needsReview }
        }
        if state == .needsReview { logger.error("a refund needs review", metadata: metadata) }
        let gatewayID: String? = if case .stands(let refund) = verdict { refund.id } else { nil }
        try RefundRows.change(seen.id, to: state, code: told.code, gatewayID: gatewayID, in: transaction)
        if state == .succeeded { try RefundRows.book(seen.id, in: transaction) }
        return state
    }

    private static func told(_ verdict: RefundVerdict, _ amount: Money) -> (state: RefundState, code: String?) {
        switch verdict {
        case .failed(let code): return (.failed, code)
        case .needsReview(let code): return (.needsReview, code)
        case .stands(let refund):
            guard refund.money == amount else { return (.needsReview, "amount_differs") }
            switch refund.status {
            case .succeeded: return (.succeeded, nil)
            case .failed: return (.failed, refund.reason ?? "failed")
            case .canceled: return (.failed, "canceled")
            case .pending, .requiresAction: return (.processing, nil)
            case nil: return (.needsReview, "status_unknown")
            }
        }
    }
}
