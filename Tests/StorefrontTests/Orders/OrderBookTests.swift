// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import PostgresDriver
import Testing

@testable import Storefront

/// What becomes of orders, with a gateway that nobody here wrote.
@Suite("OrderBook", .needsPostgres, .needsPython) struct OrderBookTests {
    private static let cardThatAsks = "4000002500003155"

    @Test func `a payment that succeeds marks its order paid, and submits one receipt`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5, price: 450)
            try await fixture.stock("pot", 5, price: 2999)
            let order = try await fixture.order([("tea", 2), ("pot", 1)])

            #expect(try await fixture.payments.run(order.job).state == "succeeded")

            #expect(try await fixture.states(order.order) == ["paid", "succeeded"])
            let receipt = try #require((try await fixture.show(order.order)["receipt"] as? [String: String])?["id"])
            #expect(try await fixture.jobs("email.send").map { "\($0)" } == [receipt])
            let recipients = try await fixture.database.run("SELECT recipient FROM storefront.emails").rows
            #expect(try recipients.map { try $0.text(0) } == ["ana@example.org"])
            let job = try #require(JobID(receipt))
            let payload = try #require(try await fixture.ledger.jobs([job])[job]?.payload)
            let mail = try #require(try JSONSerialization.jsonObject(with: Data(payload)) as? [String: Any])
            #expect(mail["subject"] as? String == "Your receipt for order \(order.order)")
            let text = try #require(mail["text"] as? String)
            #expect(text.contains("1 × Some pot: 29.99 EUR\n2 × Some tea: 9.00 EUR\n\nTotal: 38.99 EUR"), "\(text)")
            #expect(try await fixture.payments.balances() == ["gateway": 3899, "sales": -3899])
            #expect(try await gateway.counts().charged == 3899)
            #expect(try await fixture.left("tea") == 3)
        }
    }

    @Test func `a declined order gives its stock back, mails nothing, and cannot be paid by another card`() async throws
    {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)], method: "pm_card_chargeCustomerFail")
            #expect(try await fixture.left("tea") == 3)

            #expect(try await fixture.payments.run(order.job).state == "declined")

            let shown = try await fixture.show(order.order)
            #expect(shown["state"] as? String == "declined" && shown["ended_at"] is String)
            #expect((shown["payment"] as? [String: Any])?["code"] as? String == "card_declined")
            #expect(shown["receipt"] == nil)
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.count("storefront.emails") == 0)

            let intent = try #require((shown["payment"] as? [String: Any])?["intent"] as? String)
            #expect(try await fixture.runOne("payments.cancel").state == "declined")
            #expect(try await gateway.status(of: intent) == "canceled")
            try await fixture.payments.settle(intent: intent)
            let payment = try await fixture.show(order.order)["payment"] as? [String: Any]
            #expect(payment?["state"] as? String == "declined" && payment?["code"] as? String == "card_declined")
        }
    }

    @Test func `a customer who agrees in time has bought, and the job that would have abandoned it does nothing`()
        async throws
    {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)], method: try await gateway.method(card: Self.cardThatAsks))
            let (intent, secret) = try await fixture.waitForAction(order)
            #expect(try await fixture.left("tea") == 3)

            try await gateway.authenticate(intent, secret: secret, agrees: true)
            try await fixture.payments.settle(intent: intent)
            try await fixture.letWaitEnd("orders.abandon")
            let late = try await fixture.runOne("orders.abandon").get()

            #expect(String(decoding: late, as: UTF8.self) == #"{"isAbandoned":false}"#)
            #expect(try await fixture.states(order.order) == ["paid", "succeeded"])
            #expect(try await fixture.left("tea") == 3)
            #expect(try await fixture.count("storefront.emails") == 1)
        }
    }

    @Test func `a customer who does not agree within half an hour has not bought, and cannot any more`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)], method: try await gateway.method(card: Self.cardThatAsks))
            let intent = try await fixture.waitForAction(order).intent
            let wait = try await fixture.database.count(
                "SELECT extract(epoch FROM due_at - created_at)::integer FROM millrace.jobs WHERE kind = 'orders.abandon'"
            )
            #expect(wait == 30 * 60)

            try await fixture.letWaitEnd("orders.abandon")
            _ = try await fixture.runOne("orders.abandon").get()
            #expect(try await fixture.states(order.order) == ["abandoned", "requires_action"])
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.runOne("payments.cancel").state == "declined")

            #expect(try await fixture.states(order.order) == ["abandoned", "declined"])
            #expect(try await gateway.status(of: intent) == "canceled")
            #expect(try await gateway.counts().charges == 0)
            #expect(try await fixture.left("tea") == 5)
        }
    }

    @Test func `money that comes for an order that was given up is refunded`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)], method: try await gateway.method(card: Self.cardThatAsks))
            let (intent, secret) = try await fixture.waitForAction(order)
            _ = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            // Between the cancellation and the job that tells the gateway of it.
            try await gateway.authenticate(intent, secret: secret, agrees: true)
            #expect(try await fixture.runOne("payments.cancel").state == "succeeded")
            try await fixture.payments.settle(intent: intent)
            #expect(try await fixture.runOne("payments.refund").state == "succeeded")

            #expect(try await fixture.states(order.order) == ["cancelled", "succeeded"])
            let counts = try await gateway.counts()
            #expect(counts.charged == 900 && counts.refunded == 900 && counts.refunds == 1)
            #expect(try await fixture.payments.balances() == ["gateway": 0, "sales": -900, "refunds": 900])
            #expect(try await fixture.left("tea") == 5)
            #expect(try await fixture.count("storefront.emails") == 0)
        }
    }

    @Test func `a run that finds its order cancelled withdraws the intent that an earlier one made`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await gateway.plan([("/confirm", "POST", .dropBefore)])
            await fixture.payments.expectNoResult(try await fixture.payments.run(order.job))
            let shown = try await fixture.show(order.order)
            let intent = try #require((shown["payment"] as? [String: Any])?["intent"] as? String)

            _ = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)
            #expect(try await fixture.payments.run(order.job).state == "declined")

            #expect(try await fixture.states(order.order) == ["cancelled", "declined"])
            // Also a run that was thought dead cannot charge it now.
            #expect(try await gateway.status(of: intent) == "canceled")
            #expect(try await gateway.counts().charges == 0)
        }
    }

    @Test func `a customer who is asked after the order was cancelled is not waited for`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            _ = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            try await fixture.settle(order.payment, .requiresAction)
            try await fixture.settle(order.payment, .requiresAction)

            // That of the cancellation found nothing to cancel yet.
            #expect(try await fixture.jobs("payments.cancel").count == 2)
            #expect(try await fixture.jobs("orders.abandon").isEmpty)
            #expect(try await fixture.states(order.order) == ["cancelled", "requires_action"])
        }
    }

    @Test func `a payment that nobody can tell of keeps its order and the stock, until it is known`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])

            try await fixture.settle(order.payment, .needsReview)
            #expect(try await fixture.states(order.order) == ["pending", "needs_review"])
            #expect(try await fixture.left("tea") == 3)
            try await fixture.settle(order.payment, .succeeded)

            #expect(try await fixture.states(order.order) == ["paid", "succeeded"])
            #expect(try await fixture.count("storefront.emails") == 1)
        }
    }

    @Test func `an order ends once, whoever writes its row`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.settle(order.payment, .declined)

            for change in [
                "'pending', ended_at = NULL", "'paid', receipt_id = gen_random_uuid()", "'cancelled'", "'declined'",
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await fixture.database.run("UPDATE storefront.orders SET state = \(change)")
                }
                #expect(error?.constraint == "orders_end_once", "\(change)")
            }
            let error = await #expect(throws: PostgresError.self) {
                try await fixture.database.run("UPDATE storefront.products SET stock = stock - 6")
            }
            #expect(error?.constraint == "products_never_oversold")
        }
    }
}

extension OrderFixture {
    /// Runs a payment whose customer is asked; what the customer's page needs to answer.
    fileprivate func waitForAction(_ order: Accepted) async throws -> (intent: String, secret: String) {
        let result = try await payments.run(order.job)
        try #require(result.state == "requires_action")
        let payment = try #require(try await show(order.order)["payment"] as? [String: Any])
        return (try #require(payment["intent"] as? String), try #require(payment["client_secret"] as? String))
    }
}
