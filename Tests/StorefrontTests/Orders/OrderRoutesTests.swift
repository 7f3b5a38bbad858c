// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres
import MillraceTesting
import PostgresDriver
import Testing

@testable import Storefront

@Suite("OrderRoutes", .needsPostgres) struct OrderRoutesTests {
    @Test func `an order takes its stock, and is written with its payment and the job that charges it`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5, price: 450)
            try await fixture.stock("pot", 1, price: 2999)

            let reply = try await fixture.post(json: OrderFixture.body([("tea", 3), ("pot", 1)]), as: fixture.ana)

            let accepted = try OrderFixture.accepted(reply)
            #expect(reply.headers[.location] == "/v1/orders/\(accepted.order)")
            #expect(try await fixture.left("tea") == 2)
            #expect(try await fixture.left("pot") == 0)
            let shown = try await fixture.show(accepted.order)
            #expect(shown["state"] as? String == "pending" && shown["ended_at"] is NSNull)
            #expect(shown["amount"] as? Int == 4349 && shown["decimal"] as? String == "43.49")
            let lines = try #require(shown["lines"] as? [[String: Any]])
            #expect(lines.compactMap { $0["product"] as? String } == ["pot", "tea"])
            #expect(lines.compactMap { $0["quantity"] as? Int } == [1, 3])
            #expect(lines.compactMap { $0["amount"] as? Int } == [2999, 1350])
            let payment = try #require(shown["payment"] as? [String: Any])
            #expect(payment["id"] as? String == accepted.payment && payment["amount"] as? Int == 4349)
            let job = try #require(try await fixture.ledger.jobs([accepted.job])[accepted.job])
            #expect(job.kind == "payments.charge")
            #expect(job.payload == Array(#"{"payment":"\#(accepted.payment)"}"#.utf8))
        }
    }

    @Test func `the price of an order is the one at which it was made`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5, price: 450)
            let order = try await fixture.order([("tea", 2)]).order

            try await fixture.database.run("UPDATE storefront.products SET price = 900, name = 'Gold'")

            let shown = try await fixture.show(order)
            #expect(shown["amount"] as? Int == 900)
            let lines = try #require(shown["lines"] as? [[String: Any]])
            #expect(lines[0]["name"] as? String == "Some tea" && lines[0]["price"] as? Int == 450)
        }
    }

    @Test(arguments: [
        (#"{"lines":[],"payment_method":"pm_a"}"#, "/lines"),
        (#"{"payment_method":"pm_a"}"#, "/lines"),
        (#"{"lines":{},"payment_method":"pm_a"}"#, "/lines"),
        (#"{"lines":[{"product":"tea","quantity":1}]}"#, "/payment_method"),
        (#"{"lines":[{"product":"tea","quantity":1}],"payment_method":"tok_visa"}"#, "/payment_method"),
        (#"{"lines":[{"product":"tea","quantity":0}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"tea","quantity":-1}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"tea","quantity":1001}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"tea","quantity":1.5}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"tea","quantity":"1"}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"tea"}],"payment_method":"pm_a"}"#, "/lines/0/quantity"),
        (#"{"lines":[{"product":"Tea!","quantity":1}],"payment_method":"pm_a"}"#, "/lines/0/product"),
        (#"{"lines":[{"product":"tea","quantity":1,"price":1}],"payment_method":"pm_a"}"#, "/lines/0/price"),
        (
            #"{"lines":[{"product":"tea","quantity":1},{"product":"tea","quantity":1}],"payment_method":"pm_a"}"#,
            "/lines"
        ),
        (
            #"{"lines":[{"product":"tea","quantity":1},{"product":"milk","quantity":1}],"payment_method":"pm_a"}"#,
            "/lines/1/product"
        ),
        (
            #"{"lines":[{"product":"tea","quantity":1},{"product":"yen","quantity":1}],"payment_method":"pm_a"}"#,
            "/lines"
        ),
        (#"{"lines":[{"product":"gold","quantity":2}],"payment_method":"pm_a"}"#, "/lines"),
        (#"{"lines":[{"product":"dinar","quantity":1}],"payment_method":"pm_a"}"#, "/lines"),
        (#"{"lines":[{"product":"tea","quantity":1}],"payment_method":"pm_a","total":1}"#, "/total"),
    ])
    func `what is wrong with an order is said by member, and nothing is taken`(json: String, pointer: String)
        async throws
    {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            try await fixture.stock("yen", 5, price: 500, currency: "JPY")
            try await fixture.stock("gold", 5, price: 999_999_999_999)
            try await fixture.stock("dinar", 5, price: 1505, currency: "BHD")

            let reply = try await fixture.post(json: json, as: fixture.ana)

            #expect(reply.status == 422)
            let errors = try reply.json["errors"] as? [[String: Any]]
            #expect(errors?.compactMap { $0["pointer"] as? String } == [pointer])
            #expect(try await fixture.database.count("SELECT sum(stock)::bigint FROM storefront.products") == 20)
            for rows in ["storefront.orders", "storefront.payments", "millrace.jobs"] {
                #expect(try await fixture.count(rows) == 0, "\(rows)")
            }
        }
    }

    @Test func `an order has at most fifty lines`() async throws {
        try await OrderFixture.with { fixture in
            for number in 0...50 { try await fixture.stock("p\(number)", 1, price: 1) }
            let lines = (0...50).map { ("p\($0)", 1) }

            #expect(try await fixture.post(json: OrderFixture.body(lines), as: fixture.ana).status == 422)
            let order = try await fixture.order(Array(lines.dropLast())).order
            #expect(try await fixture.show(order)["amount"] as? Int == 50)
        }
    }

    @Test func `of what there is too little nothing is taken, and all of it is named`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            try await fixture.stock("pot", 1)
            try await fixture.stock("cup", 0)

            let reply = try await fixture.post(
                json: OrderFixture.body([("tea", 1), ("pot", 2), ("cup", 1)]), as: fixture.ana)

            #expect(reply.status == 409)
            #expect(reply.problem == "out-of-stock")
            let errors = try reply.json["errors"] as? [[String: Any]]
            #expect(errors?.compactMap { $0["pointer"] as? String } == ["/lines/1/quantity", "/lines/2/quantity"])
            #expect(errors?.first?["detail"] as? String == "2 of pot are wanted, and there are 1")
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.count("millrace.jobs") == 0)
        }
    }

    @Test func `a card number is refused without being repeated`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let json = OrderFixture.body([("tea", 1)], method: "4242 4242 4242 4242")

            let reply = try await fixture.post(json: json, as: fixture.ana)

            #expect(reply.status == 422 && reply.problem == "card-number")
            #expect(!String(decoding: reply.body, as: UTF8.self).contains("4242"))
        }
    }

    @Test func `a request that is repeated with its key is one order, also when there is nothing left`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 1)
            let json = OrderFixture.body([("tea", 1)])

            let first = try await fixture.post(json: json, as: fixture.ana, key: "order-7")
            let again = try await fixture.post(json: json, as: fixture.ana, key: "order-7")
            let next = try await fixture.post(json: json, as: fixture.ana, key: "order-8")

            #expect(first.status == 202 && again.status == 202 && next.status == 409)
            #expect(first.body == again.body)
            #expect(try await fixture.count("storefront.orders") == 1)
            // What was refused may be tried again with its key.
            try await fixture.database.run("UPDATE storefront.products SET stock = 1")
            #expect(try await fixture.post(json: json, as: fixture.ana, key: "order-8").status == 202)
        }
    }

    @Test func `a key of one user's has nothing to do with another's`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let bo = try await fixture.logIn("bo@example.org")
            let json = OrderFixture.body([("tea", 1)])

            let hers = try OrderFixture.accepted(try await fixture.post(json: json, as: fixture.ana, key: "1"))
            let his = try OrderFixture.accepted(try await fixture.post(json: json, as: bo, key: "1"))

            #expect(hers.order != his.order)
            #expect(try await fixture.left("tea") == 3)
        }
    }

    @Test func `users see and cancel their own orders only`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let bo = try await fixture.logIn("bo@example.org")
            let order = try await fixture.order([("tea", 1)]).order

            #expect(try await fixture.ask(.get, "/v1/orders/\(order)", as: bo).status == 404)
            #expect(try await fixture.ask(.post, "/v1/orders/\(order)/cancel", as: bo).status == 404)
            #expect(try await fixture.ask(.get, "/v1/orders", as: bo).json["orders"] as? [String] == [])
            #expect(try await fixture.states(order) == ["pending", "pending"])
            #expect(try await fixture.ask(.get, "/v1/orders/42", as: fixture.ana).status == 404)
        }
    }

    @Test func `without a session there are no orders, and without a gateway none are taken`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let path = "/v1/orders/01a20528-b155-7bc3-8c3f-1f17f7340084"
            for token in [nil, SecretToken(.session).text] {
                let replies = [
                    try await fixture.post(json: OrderFixture.body([("tea", 1)]), as: token),
                    try await fixture.ask(.get, "/v1/orders", as: token),
                    try await fixture.ask(.get, path, as: token),
                    try await fixture.ask(.post, "\(path)/cancel", as: token),
                ]
                #expect(replies.map(\.status) == [401, 401, 401, 401])
            }

            let orders = Orders(payments: Payments(environment: [:]))
            let table = RouteTable(
                routes: orders.routes(ledger: fixture.ledger), keys: Nobody(),
                users: Sessions(ledger: fixture.ledger, logger: PhotoDatabase.logger))
            let closed = OrderFixture(
                payments: PaymentFixture(
                    database: fixture.database, ledger: fixture.ledger, table: table, handlers: fixture.handlers),
                ana: fixture.ana)
            let refused = try await closed.post(json: OrderFixture.body([("tea", 1)]), as: closed.ana)
            #expect(refused.status == 503 && refused.problem == "gateway-unset")
        }
    }

    @Test func `orders are listed page by page, the newest first`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 10)
            var made: [String] = []
            for _ in 0..<5 { made.append(try await fixture.order([("tea", 1)]).order) }

            var (seen, path): ([String], String?) = ([], "/v1/orders?limit=2")
            var pages = 0
            while let next = path {
                let json = try await fixture.ask(.get, next, as: fixture.ana).json
                let orders = try #require(json["orders"] as? [[String: Any]])
                seen += orders.compactMap { $0["id"] as? String }
                #expect(orders.allSatisfy { $0["amount"] as? Int == 450 && $0["state"] as? String == "pending" })
                path = (json["next"] as? String).map { "/v1/orders?limit=2&cursor=\($0)" }
                pages += 1
            }

            #expect(seen == made.reversed())
            #expect(pages == 3)
            for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "state=paid"] {
                #expect(try await fixture.ask(.get, "/v1/orders?\(query)", as: fixture.ana).status == 422, "\(query)")
            }
        }
    }

    // MARK: - Cancelling

    @Test func `a cancelled order gives its stock back once, and its payment asks the gateway for nothing`()
        async throws
    {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 3)])

            let first = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)
            let again = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            #expect(first.status == 200 && again.status == 200)
            #expect(try first.json["state"] as? String == "cancelled")
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.payments.run(order.job).state == "declined")
            #expect(try await fixture.runOne("payments.cancel").state == nil)
            #expect(try await fixture.states(order.order) == ["cancelled", "declined"])
            #expect(try await gateway.counts().requests.isEmpty)
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.count("storefront.emails") == 0)
        }
    }

    @Test func `what is paid, or for people to decide, cannot be cancelled`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let (paid, unclear) = (try await fixture.order([("tea", 1)]), try await fixture.order([("tea", 1)]))
            try await fixture.settle(paid.payment, .succeeded)
            try await fixture.know("pi_1", of: unclear)
            try await fixture.settle(unclear.payment, .needsReview)

            for order in [paid, unclear] {
                let reply = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)
                #expect(reply.status == 409 && reply.problem == "wrong-state")
            }

            #expect(try await fixture.states(paid.order) == ["paid", "succeeded"])
            #expect(try await fixture.states(unclear.order) == ["pending", "needs_review"])
            #expect(try await fixture.left("tea") == 3)
        }
    }

    @Test func `what is for people to decide can be cancelled where the gateway has nothing to charge`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.settle(order.payment, .needsReview)

            let reply = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            #expect(reply.status == 200)
            #expect(try await fixture.states(order.order) == ["cancelled", "needs_review"])
            #expect(try await fixture.left("tea") == 5)
        }
    }

    @Test func `whoever cancels waits for a payment that is being changed, and sees how it stands then`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.know("pi_1", of: order)
            let connection = try await fixture.database.connect()
            func run(_ name: String, _ sql: String) async throws {
                _ = try await connection.query(
                    PostgresStatement(name: name, sql: sql), deadline: .now + .seconds(60))
            }

            // As the job of the charge does.
            try await run("begin", "BEGIN")
            try await run("lock-payment", "SELECT id FROM storefront.payments FOR UPDATE")
            try await run("change", "UPDATE storefront.payments SET state = 'needs_review', revision = revision + 1")
            try await run("lock-order", "SELECT id FROM storefront.orders FOR UPDATE")
            async let cancelled = fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)
            await eventually(within: .seconds(30), "the cancellation waits") {
                let waiting = try? await fixture.count(
                    "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                return waiting == 1
            }
            try await run("commit", "COMMIT")
            let reply = try await cancelled
            await connection.close()

            #expect(reply.status == 409)
            #expect(try await fixture.states(order.order) == ["pending", "needs_review"])
            #expect(try await fixture.left("tea") == 3)
        }
    }

    @Test func `an order can be cancelled also when the shelf has been filled up in the meantime`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 1_000_000_000_000)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.database.run("UPDATE storefront.products SET stock = 1000000000000")

            let reply = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            #expect(reply.status == 200)
            #expect(try await fixture.left("tea") == 1_000_000_000_000)
        }
    }
}

extension OrderFixture {
    /// Writes the gateway's name for an order's payment, as the job of the charge does before it confirms it.
    func know(_ intent: String, of order: Accepted) async throws {
        try await database.run(
            "UPDATE storefront.payments SET asked_at = now(), intent = '\(intent)' WHERE id = '\(order.payment)'")
    }

    /// Lets a payment come to this, as its job and the webhook do, without a gateway.
    func settle(_ payment: String, _ state: PaymentState) async throws {
        let id = try #require(PaymentID(payment))
        try await ledger.transaction { transaction in
            let (seen, amount) = try #require(try PaymentRows.lock(id, in: transaction))
            _ = try PaymentBook.settle(
                seen, try Self.verdict(state, amount), in: transaction, logger: PhotoDatabase.logger)
        }
    }

    private static func verdict(_ state: PaymentState, _ amount: Money) throws -> PaymentVerdict {
        let status: String
        switch state {
        case .declined: return .declined(code: "card_declined")
        case .needsReview: return .needsReview(code: "unsettled")
        case .pending: status = "requires_confirmation"
        case .requiresAction, .processing, .succeeded: status = state.rawValue
        }
        let stripe = try #require(StripeAmount(amount))
        let json =
            #"{"object":"payment_intent","id":"pi_1","status":"\#(status)","amount":\#(stripe.value),"#
            + #""currency":"\#(stripe.currency)","client_secret":"s"}"#
        return .stands(try #require(GatewayAnswer(Array(json.utf8)).flatMap { GatewayIntent($0) }))
    }
}
