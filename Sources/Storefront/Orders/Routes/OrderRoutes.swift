// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres

/// `/v1/orders`: a user's own.
struct OrderRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    /// Whether this process knows a gateway: what is accepted should have a chance to be paid.
    let hasGateway: Bool

    var routes: [Route] {
        [
            Route(.post, OrderAddress.all, .user) { (request) throws(Problem) in try await order(request) },
            Route(.get, OrderAddress.all, .user) { (request) throws(Problem) in try await list(request) },
            Route(.get, "\(OrderAddress.all)/{id}", .user) { (request) throws(Problem) in try await show(request) },
            Route(.post, "\(OrderAddress.all)/{id}/cancel", .user) { (request) throws(Problem) in
                try await cancel(request)
            },
        ]
    }

    /// The stock, the order, its payment and the job that charges it: all are written, or nothing is.
    private func order(_ request: APIRequest) async throws(Problem) -> Answer {
        let user = try request.user()
        let (wanted, bytes, key) = try await request.readPayment(
            hasGateway: hasGateway, known: OrderRequest.known, Self.read)
        let (order, payment) = (OrderID(), PaymentID())
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        return try await Problem.told(request.logger) {
            try await ledger.answer(request, body: bytes, key: key, timeout: Self.timeout) { transaction in
                let job = try transaction.enqueue(ChargePayment(payment: payment), options)
                return (job, OrderView.accepted(order, payment, job))
            } write: { job, transaction in
                let (lines, total) = try StockTaker.take(wanted.lines, in: transaction)
                try PaymentRows.insert(payment, job: job, total, method: wanted.method, in: transaction)
                try OrderRows.insert(order, of: user, payment: payment, lines, in: transaction)
            }
        }
    }

    private static func read(_ members: MemberReader, _ faults: inout Faults) -> OrderRequest? {
        do throws(PayloadError) {
            return try PayloadDecoding.decode(OrderRequest.self, from: members.text.bytes)
        } catch {
            faults.append(Fault(error.pointer, error.reason))
            return nil
        }
    }

    private func list(_ request: APIRequest) async throws(Problem) -> Answer {
        let page = try Page<OrderID>(request)
        let user = try request.user()
        let rows = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try OrderRows.list(page, of: user, in: $0) }
        }
        return page.answer("orders", rows, id: \.id) { json, order in OrderView.write(order, to: &json) }
    }

    private func show(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let user = try request.user()
        let id = try request.orderID()
        let row = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try OrderRows.read(id, of: user, in: $0) }
        }
        guard let row else { throw .missing(id) }
        return OrderView.order(row)
    }

    private func cancel(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let user = try request.user()
        let id = try request.orderID()
        try await request.body.expectNone()
        let row = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { transaction -> OrderRow? in
                guard try OrderRows.read(id, of: user, in: transaction) != nil else { return nil }
                _ = try OrderBook.giveUp(
                    id, as: .cancelled, ifPaymentIs: [.pending, .requiresAction, .processing, .needsReview],
                    in: transaction)
                return try OrderRows.read(id, of: user, in: transaction)
            }
        }
        guard let row else { throw .missing(id) }
        switch row.state {
        case .cancelled: return OrderView.order(row)
        case .pending:
            throw Problem(.wrongState, "the payment is \(row.payment.state.rawValue): a person looks into it")
        case .paid, .declined, .abandoned: throw Problem(.wrongState, "the order is \(row.state.rawValue)")
        }
    }
}

/// The addresses of orders.
enum OrderAddress {
    static let all = "/v1/orders"

    static func order(_ id: OrderID) -> String { "\(all)/\(id)" }
}

extension Problem.Kind {
    static let outOfStock = Problem.Kind("out-of-stock", "Out of stock", 409)
}

extension Problem {
    /// Also for an order of somebody else's.
    fileprivate static func missing(_ id: OrderID) -> Problem { Problem(.notFound, "you have no order \(id)") }
}

extension APIRequest {
    /// The order that the path names.
    fileprivate func orderID() throws(Problem) -> OrderID {
        let text = pathParameters["id"] ?? ""
        guard let id = OrderID(text) else {
            throw Problem(.notFound, "\(text.quoted) is not an order's id: a UUID of 36 characters")
        }
        return id
    }
}
