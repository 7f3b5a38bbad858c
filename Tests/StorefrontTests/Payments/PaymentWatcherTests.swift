// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import PostgresDriver
import Testing

@testable import Storefront

/// Payments that the gateway works on, and whose event never comes.
@Suite("PaymentWatcher", .needsPostgres, .needsPython) struct PaymentWatcherTests {
    /// Runs a charge that the gateway takes, but says to be working on.
    private static func charge(_ fixture: OrderFixture, _ gateway: FakeGateway) async throws -> OrderFixture.Accepted {
        try await fixture.stock("tea", 5)
        let order = try await fixture.order([("tea", 2)])
        try await gateway.plan([("/confirm", "POST", .undecided)])
        #expect(try await fixture.payments.run(order.job).state == "processing")
        let wait = try await fixture.database.count(
            "SELECT extract(epoch FROM due_at - created_at)::integer FROM millrace.jobs WHERE kind = 'payments.watch'")
        #expect(wait == 3600)
        try await fixture.makeDue("payments.watch")
        return order
    }

    @Test func `the gateway is asked again until it has decided`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            let order = try await Self.charge(fixture, gateway)

            try await gateway.plan([("/payment_intents/", "GET", .undecided)])
            let watch = try #require(try await fixture.jobs("payments.watch").first)
            let undecided = try await fixture.payments.run(watch)
            #expect(throws: JobSignal.snooze(.seconds(3600))) { try undecided.get() }
            #expect(try await fixture.states(order.order) == ["pending", "processing"])
            #expect(try await fixture.runOne("payments.watch").state == "succeeded")

            #expect(try await fixture.states(order.order) == ["paid", "succeeded"])
            #expect(try await fixture.payments.balances() == ["gateway": 900, "sales": -900])
        }
    }

    @Test func `what comes of a payment whose order was cancelled meanwhile is refunded`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            let order = try await Self.charge(fixture, gateway)
            _ = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)

            #expect(try await fixture.runOne("payments.watch").state == "succeeded")
            #expect(try await fixture.runOne("payments.refund").state == "succeeded")

            #expect(try await fixture.states(order.order) == ["cancelled", "succeeded"])
            #expect(try await gateway.counts().refunded == 900)
        }
    }

    @Test func `what is not decided within a week is left to people`() async throws {
        try await OrderFixture.withGateway { fixture, gateway in
            let order = try await Self.charge(fixture, gateway)
            try await fixture.payments.age(hours: 7 * 24 + 1)

            try await gateway.plan([("/payment_intents/", "GET", .undecided)])
            #expect(try await fixture.runOne("payments.watch").state == "needs_review")

            #expect(try await fixture.states(order.order) == ["pending", "needs_review"])
            #expect(try await fixture.jobs("payments.watch").isEmpty)
        }
    }

    @Test func `a payment that was decided by its event is asked for no more, and watched once`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.settle(order.payment, .processing)
            try await fixture.settle(order.payment, .processing)
            try await fixture.settle(order.payment, .succeeded)

            try await fixture.makeDue("payments.watch")
            #expect(try await fixture.runOne("payments.watch").get() == Array("{}".utf8))
            #expect(try await fixture.states(order.order) == ["paid", "succeeded"])
        }
    }
}
