// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// The order that a payment is for.
struct LockedOrder: Sendable {
    let id: OrderID
    let state: OrderState
    /// Its user's address.
    let email: String
}

/// An order as a listing shows it.
struct ListedOrder: Sendable {
    let id: OrderID
    let createdAt: Timestamp
    /// nil while it is pending.
    let endedAt: Timestamp?
    let state: OrderState
    let total: Money
}

/// An order as its row has it.
struct OrderRow: Sendable {
    let id: OrderID
    let createdAt: Timestamp
    let endedAt: Timestamp?
    let state: OrderState
    let lines: [OrderLine]
    let payment: PaymentRow
    /// The job that mails it; nil unless it is paid.
    let receipt: JobID?
}

/// The queries of orders, each within a transaction of its caller's.
enum OrderRows {
    /// Writes an order whose stock is taken and whose payment is written.
    static func insert(
        _ id: OrderID, of user: UserID, payment: PaymentID, _ lines: [OrderLine], in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.insertOrder,
            [
                .uuid(id.bytes), .uuid(user.bytes), .uuid(payment.bytes), .textArray(lines.map(\.product.description)),
                .textArray(lines.map(\.name)), .int8Array(lines.map(\.price.minorUnits)),
                .int8Array(lines.map(\.quantity)),
            ])
    }

    /// The order that a payment is for, whose row is locked until the transaction ends; nil when it is for none.
    static func lock(of payment: PaymentID, in transaction: LedgerTransaction) throws -> LockedOrder? {
        try transaction.query(StorefrontStatements.lockOrder, [.uuid(payment.bytes)]).rows.first.map { row in
            LockedOrder(id: try row.recordID("id"), state: try row.value("state"), email: try row.text("email"))
        }
    }

    /// Writes that a pending order is paid.
    static func pay(_ id: OrderID, receipt: JobID, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.payOrder, [.uuid(id.bytes), .uuid(receipt.bytes)])
    }

    /// Ends a pending order without a sale, and gives its stock back.
    /// - Returns: its payment, and whether the gateway has an intent for it; nil when it has ended before, is younger,
    ///   or its payment stands otherwise.
    static func end(
        _ id: OrderID, as state: OrderState, ifPaymentIs states: [PaymentState], after age: Duration = .zero,
        in transaction: LedgerTransaction
    ) throws -> (payment: PaymentID, hasIntent: Bool)? {
        try transaction.query(
            StorefrontStatements.endOrder,
            [
                .uuid(id.bytes), .text(state.rawValue), .textArray(states.map(\.rawValue)), .int8(age.milliseconds),
            ]
        ).rows.first.map { (try $0.recordID("payment_id"), try $0.bool("has_intent")) }
    }

    /// Pending orders that nothing looks after any more, and how their payments stand: the oldest first.
    static func forgotten(
        limit: Int, in transaction: LedgerTransaction
    ) throws -> [(id: OrderID, payment: PaymentState)] {
        try transaction.query(
            StorefrontStatements.listForgotten,
            [
                .int8(OrderLimits.unattendedMax.milliseconds),
                .int8((PaymentLimits.processingMax + OrderLimits.unattendedMax).milliseconds), .int8(Int64(limit)),
            ]
        ).rows.map { (try $0.recordID("id"), try $0.value("payment_state")) }
    }

    /// nil when the user has no such order.
    static func read(_ id: OrderID, of user: UserID, in transaction: LedgerTransaction) throws -> OrderRow? {
        let found = try transaction.query(StorefrontStatements.readOrder, [.uuid(id.bytes), .uuid(user.bytes)]).rows
        guard let row = found.first,
            let payment = try PaymentRows.read(row.recordID("payment_id"), in: transaction)
        else { return nil }
        return OrderRow(
            id: id, createdAt: try row.timestamp("created_at"), endedAt: try row.timestampIfPresent("ended_at"),
            state: try row.value("state"), lines: try lines(of: id, in: transaction), payment: payment,
            receipt: try row.uuidIfPresent("receipt_id").flatMap { JobID(bytes: $0) })
    }

    /// A user's orders, the newest first.
    static func list(
        _ page: Page<OrderID>, of user: UserID, in transaction: LedgerTransaction
    ) throws -> [ListedOrder] {
        try transaction.query(
            StorefrontStatements.listOrders, [.uuid(user.bytes), .uuid(page.last?.bytes), .int8(page.rowsMax)]
        ).rows.map { row in
            ListedOrder(
                id: try row.recordID("id"), createdAt: try row.timestamp("created_at"),
                endedAt: try row.timestampIfPresent("ended_at"), state: try row.value("state"), total: try row.money())
        }
    }

    static func lines(of id: OrderID, in transaction: LedgerTransaction) throws -> [OrderLine] {
        try transaction.query(StorefrontStatements.listOrderLines, [.uuid(id.bytes)]).rows.map { row in
            let line = OrderLine(
                try row.productID(), name: try row.text("name"), price: try row.money(),
                quantity: try row.int8("quantity"))
            guard let line else { throw PostgresError(.decoding, "the order \(id) is larger than can be told") }
            return line
        }
    }
}
