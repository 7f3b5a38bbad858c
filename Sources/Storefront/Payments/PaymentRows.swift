// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// A payment as its job needs it.
struct AskedPayment: Sendable {
    let seen: SeenPayment
    let amount: Money
    let method: String
    /// The gateway's name for it; nil until it has one.
    let intent: String?
    /// ``PaymentLimits/askingMax`` have gone by since the gateway was first asked.
    let isOverdue: Bool
    /// False when it is for an order that has ended.
    let isWanted: Bool

    /// The gateway has not told how it stands: else an operator's retry of an old job would forget what it told.
    var isUnsettled: Bool { seen.state == .pending || seen.state == .needsReview }
}

/// How a payment stood when the gateway was asked.
struct SeenPayment: Sendable, Equatable {
    let id: PaymentID
    let state: PaymentState
    /// Counts the changes of its state.
    let revision: Int64
}

/// A payment as its row has it.
struct PaymentRow: Sendable {
    let id: PaymentID
    let jobID: JobID
    let createdAt: Timestamp
    let settledAt: Timestamp?
    let amount: Money
    let state: PaymentState
    let code: String?
    let intent: String?
    let clientSecret: String?
    /// The newest first, at most ``PaymentLimits/refundsShownMax``.
    let refunds: [RefundRow]
}

/// The queries of payments, each within a transaction of its caller's.
enum PaymentRows {
    static func insert(
        _ id: PaymentID, job: JobID, _ amount: Money, method: String, in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.insertPayment,
            [
                .uuid(id.bytes), .uuid(job.bytes), .int8(amount.minorUnits), .text(amount.currency.code), .text(method),
            ])
    }

    /// Takes note that the gateway is about to be asked; nil when this payment is not this job's.
    static func ask(_ id: PaymentID, of job: JobID, in transaction: LedgerTransaction) throws -> AskedPayment? {
        let rows = try transaction.query(
            StorefrontStatements.askPayment,
            [.uuid(id.bytes), .uuid(job.bytes), .int8(PaymentLimits.askingMax.milliseconds)]
        ).rows
        return try rows.first.map { row in
            AskedPayment(
                seen: try row.seenPayment(), amount: try row.money(), method: try row.text("payment_method"),
                intent: try row.textIfPresent("intent"), isOverdue: try row.bool("is_overdue"),
                isWanted: try row.bool("is_wanted"))
        }
    }

    /// Takes note of the gateway's name for a payment; false when it has another already.
    static func keep(_ intent: String, of id: PaymentID, in transaction: LedgerTransaction) throws -> Bool {
        try transaction.query(StorefrontStatements.keepIntent, [.uuid(id.bytes), .text(intent)]).affectedRows == 1
    }

    /// The payment that the gateway calls so; nil when there is none.
    static func find(_ intent: String, in transaction: LedgerTransaction) throws -> SeenPayment? {
        try transaction.query(StorefrontStatements.findPayment, [.text(intent)]).rows.first?.seenPayment()
    }

    /// A payment whose order has ended without it, and the gateway's name for it; nil for any other.
    static func findUnwanted(
        _ id: PaymentID, in transaction: LedgerTransaction
    ) throws -> (seen: SeenPayment, intent: String)? {
        try transaction.query(StorefrontStatements.findUnwanted, [.uuid(id.bytes)]).rows.first.map { row in
            (try row.seenPayment(), try row.text("intent"))
        }
    }

    /// A payment that the gateway works on, its name for it, and whether ``PaymentLimits/processingMax`` have gone by;
    /// nil for any other.
    static func findProcessing(
        _ id: PaymentID, in transaction: LedgerTransaction
    ) throws -> (seen: SeenPayment, intent: String, isOverdue: Bool)? {
        try transaction.query(
            StorefrontStatements.findProcessing, [.uuid(id.bytes), .int8(PaymentLimits.processingMax.milliseconds)]
        ).rows.first.map { row in
            (try row.seenPayment(), try row.text("intent"), try row.bool("is_overdue"))
        }
    }

    /// Its row is locked until the transaction ends; nil when there is none.
    static func lock(
        _ id: PaymentID, in transaction: LedgerTransaction
    ) throws -> (seen: SeenPayment, amount: Money)? {
        try transaction.query(StorefrontStatements.lockPayment, [.uuid(id.bytes)]).rows.first.map { row in
            (try row.seenPayment(), try row.money())
        }
    }

    /// Writes how it stands now; its row is locked.
    static func change(
        _ id: PaymentID, to state: PaymentState, code: String?, clientSecret: String?,
        in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.changePayment,
            [.uuid(id.bytes), .text(state.rawValue), .text(code), .text(clientSecret)])
    }

    /// Writes its charge, and the entries of it.
    static func book(_ id: PaymentID, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.bookCharge, [.uuid(id.bytes)])
    }

    /// nil when there is no such payment.
    static func read(_ id: PaymentID, in transaction: LedgerTransaction) throws -> PaymentRow? {
        guard let row = try transaction.query(StorefrontStatements.readPayment, [.uuid(id.bytes)]).rows.first else {
            return nil
        }
        return PaymentRow(
            id: id, jobID: try row.jobID(), createdAt: try row.timestamp("created_at"),
            settledAt: try row.timestampIfPresent("settled_at"), amount: try row.money(),
            state: try row.value("state"), code: try row.textIfPresent("code"),
            intent: try row.textIfPresent("intent"), clientSecret: try row.textIfPresent("client_secret"),
            refunds: try RefundRows.list(of: id, in: transaction))
    }

    /// Takes note of an event, and forgets old ones; false when it is known.
    static func keepEvent(_ id: String, type: String, in transaction: LedgerTransaction) throws -> Bool {
        try transaction.query(
            StorefrontStatements.insertEvent,
            [.text(id), .text(type), .int8(PaymentLimits.eventRetention.milliseconds)]
        ).affectedRows == 1
    }
}

extension PostgresRow {
    fileprivate func seenPayment() throws -> SeenPayment {
        SeenPayment(id: try recordID("id"), state: try value("state"), revision: try int8("revision"))
    }

    /// Of the columns `amount` and `currency`.
    func money() throws -> Money {
        let code = try text("currency")
        guard let currency = Currency(code) else { throw PostgresError(.decoding, "\(code) is no currency") }
        return Money(minorUnits: try int8("amount"), currency: currency)
    }

    func recordID<Record>(_ column: PostgresColumn) throws -> RecordID<Record> {
        guard let id = RecordID<Record>(bytes: try uuid(column)) else {
            throw PostgresError(.decoding, "not a UUID")
        }
        return id
    }

    /// Of the column `job_id`.
    func jobID() throws -> JobID {
        guard let id = JobID(bytes: try uuid("job_id")) else { throw PostgresError(.decoding, "not a UUID") }
        return id
    }

    func value<Value: RawRepresentable<String>>(_ column: PostgresColumn) throws -> Value {
        let text = try text(column)
        guard let value = Value(rawValue: text) else {
            throw PostgresError(.decoding, "\(text) is no \(Value.self)")
        }
        return value
    }
}
