// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// A refund as its job needs it.
struct AskedRefund: Sendable {
    let seen: SeenRefund
    let amount: Money
    /// The gateway's name for the payment.
    let intent: String
    /// ``PaymentLimits/askingMax`` have gone by since the gateway was first asked.
    let isOverdue: Bool
}

/// How a refund stood when the gateway was asked.
struct SeenRefund: Sendable, Equatable {
    let id: RefundID
    let state: RefundState
    /// Counts the changes of its state.
    let revision: Int64
}

/// A refund whose row is locked.
struct LockedRefund: Sendable {
    let seen: SeenRefund
    let amount: Money
    /// Its entries are written.
    let isBooked: Bool
    /// Its payment is for an order that has ended unpaid, so that all of it has to go back.
    let isOwed: Bool
}

/// A refund as its row has it.
struct RefundRow: Sendable {
    let id: RefundID
    let jobID: JobID
    let createdAt: Timestamp
    let settledAt: Timestamp?
    let amount: Money
    let state: RefundState
    let code: String?
}

/// The queries of refunds, each within a transaction of its caller's.
enum RefundRows {
    /// Writes a refund, which reserves its amount of the charge.
    /// - Parameter minorUnits: nil for all that is left of the charge.
    /// - Returns: its amount; nil when there is no charge.
    /// - Throws: `PostgresError`, which names the constraint ``aboveCharge`` or ``nothingLeft``.
    static func insert(
        _ id: RefundID, job: JobID, of payment: PaymentID, minorUnits: Int64?, in transaction: LedgerTransaction
    ) throws -> Money? {
        try transaction.query(
            StorefrontStatements.insertRefund,
            [.uuid(id.bytes), .uuid(job.bytes), .uuid(payment.bytes), .int8(minorUnits)]
        ).rows.first?.money()
    }

    static let aboveCharge = "refunds_within_charge"
    static let nothingLeft = "refunds_of_something"

    /// Takes note that the gateway is about to be asked; nil when this refund is not this job's.
    static func ask(_ id: RefundID, of job: JobID, in transaction: LedgerTransaction) throws -> AskedRefund? {
        let rows = try transaction.query(
            StorefrontStatements.askRefund,
            [.uuid(id.bytes), .uuid(job.bytes), .int8(PaymentLimits.askingMax.milliseconds)]
        ).rows
        return try rows.first.map { row in
            AskedRefund(
                seen: try row.seenRefund(), amount: try row.money(), intent: try row.text("intent"),
                isOverdue: try row.bool("is_overdue"))
        }
    }

    /// nil when there is no such refund.
    static func find(_ id: RefundID, in transaction: LedgerTransaction) throws -> SeenRefund? {
        try transaction.query(StorefrontStatements.findRefund, [.uuid(id.bytes)]).rows.first?.seenRefund()
    }

    /// Its row is locked until the transaction ends; nil when there is none.
    static func lock(_ id: RefundID, in transaction: LedgerTransaction) throws -> LockedRefund? {
        try transaction.query(StorefrontStatements.lockRefund, [.uuid(id.bytes)]).rows.first.map { row in
            LockedRefund(
                seen: try row.seenRefund(), amount: try row.money(), isBooked: try row.bool("is_booked"),
                isOwed: try row.bool("is_owed"))
        }
    }

    /// Writes how it stands now; its row is locked. One that has failed gives its amount back to the charge.
    static func change(
        _ id: RefundID, to state: RefundState, code: String?, gatewayID: String?, in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.changeRefund,
            [.uuid(id.bytes), .text(state.rawValue), .text(code), .text(gatewayID)])
    }

    /// Writes its entries.
    static func book(_ id: RefundID, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.bookRefund, [.uuid(id.bytes)])
    }

    static func list(of payment: PaymentID, in transaction: LedgerTransaction) throws -> [RefundRow] {
        try transaction.query(
            StorefrontStatements.listRefunds,
            [.uuid(payment.bytes), .int4(Int32(PaymentLimits.refundsShownMax))]
        ).rows.map { row in
            RefundRow(
                id: try row.recordID("id"), jobID: try row.jobID(), createdAt: try row.timestamp("created_at"),
                settledAt: try row.timestampIfPresent("settled_at"), amount: try row.money(),
                state: try row.value("state"), code: try row.textIfPresent("code"))
        }
    }
}

extension PostgresRow {
    fileprivate func seenRefund() throws -> SeenRefund {
        SeenRefund(id: try recordID("id"), state: try value("state"), revision: try int8("revision"))
    }
}
