// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import PostgresDriver
import Testing

@testable import Storefront

@Suite("OrderSweeper", .needsPostgres) struct OrderSweeperTests {
    @Test func `an order whose charge has lost its job is given up after a day, and no other is`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 9)
            let (dead, pruned) = (try await fixture.order([("tea", 1)]), try await fixture.order([("tea", 1)]))
            let (alive, unclear) = (try await fixture.order([("tea", 1)]), try await fixture.order([("tea", 1)]))
            let (slow, stuck) = (try await fixture.order([("tea", 1)]), try await fixture.order([("tea", 1)]))
            let asked = try await fixture.order([("tea", 1)])
            try await fixture.settle(unclear.payment, .needsReview)
            for order in [slow, stuck] { try await fixture.settle(order.payment, .processing) }
            try await fixture.settle(asked.payment, .requiresAction)
            for order in [dead, unclear, slow, stuck, asked] {
                try await fixture.database.run(
                    "UPDATE millrace.job_rows SET state = 'dead', finished_at = now() WHERE id = '\(order.job)'")
            }
            try await fixture.database.run("DELETE FROM millrace.job_rows WHERE id = '\(pruned.job)'")
            let sweeper = OrderSweeper(ledger: fixture.ledger, logger: PhotoDatabase.logger)

            try await fixture.age(hours: 23)
            #expect(try await sweeper.sweep() == 0)
            try await fixture.age(hours: 2)
            try await fixture.database.run(
                "UPDATE storefront.orders SET created_at = now() - interval '9 days' WHERE id = '\(stuck.order)'")
            let young = try await fixture.order([("tea", 1)])
            try await fixture.database.run("DELETE FROM millrace.job_rows WHERE id = '\(young.job)'")
            #expect(try await sweeper.sweep(batch: 2) == 4)
            #expect(try await sweeper.sweep() == 0)

            for order in [dead, pruned, stuck, asked] {
                #expect(try await fixture.states(order.order).first == "abandoned")
            }
            for order in [alive, unclear, slow, young] {
                #expect(try await fixture.states(order.order).first == "pending")
            }
            #expect(try await fixture.left("tea") == 9 - 8 + 4)
            // What there is at the gateway is cancelled, or booked and refunded.
            #expect(try await fixture.jobs("payments.cancel").count == 4)
        }
    }

    @Test func `a job that would abandon an order before its time does nothing`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            try await fixture.settle(order.payment, .requiresAction)

            try await fixture.makeDue("orders.abandon")
            let early = try await fixture.runOne("orders.abandon").get()

            #expect(String(decoding: early, as: UTF8.self) == #"{"isAbandoned":false}"#)
            #expect(try await fixture.states(order.order) == ["pending", "requires_action"])
            #expect(try await fixture.left("tea") == 3)
        }
    }
}
