// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import MillraceTesting
import Testing

@testable import Storefront

/// Orders at random, many at a time: what is on the shelf and what is sold is all there ever was.
@Suite("Stock", .needsPostgres) struct StockTests {
    private static let products = ["bowl", "cup", "pot", "tea"]

    @Test(arguments: [7, 2026, 91_125])
    func `whatever becomes of orders that race, none is lost of the stock, nor of the money`(seed: UInt64) async throws
    {
        try await OrderFixture.with { fixture in
            var generator = SplitMix64(seed: seed)
            var before: [String: Int] = [:]
            for product in Self.products {
                before[product] = Int.random(in: 5...60, using: &generator)
                try await fixture.stock(
                    product, before[product] ?? 0, price: Int.random(in: 1...5000, using: &generator))
            }
            let wishes = (0..<80).map { _ in
                // In any order: rows must be locked in one all the same.
                Self.products.shuffled(using: &generator).prefix(Int.random(in: 1...4, using: &generator))
                    .map { ($0, Int.random(in: 1...3, using: &generator)) }
            }
            let fates = wishes.map { _ in Fate.random(using: &generator) }

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for (wish, fate) in zip(wishes, fates) {
                    group.addTask { try await fixture.live(wish, fate) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(Set(statuses).isSubset(of: [202, 409]), "seed \(seed): \(statuses)")
            #expect(statuses.contains(202) && statuses.contains(409), "seed \(seed) has none of one kind")
            try await Self.expectAllAccountedFor(fixture, before, "seed \(seed)")
        }
    }

    private static func expectAllAccountedFor(
        _ fixture: OrderFixture, _ before: [String: Int], _ comment: Comment
    ) async throws {
        for product in products {
            let sold = try await fixture.database.count(
                """
                SELECT coalesce(sum(quantity), 0)::bigint FROM storefront.order_lines JOIN storefront.orders ON id = order_id
                WHERE product_id = '\(product)' AND state IN ('pending', 'paid')
                """)
            let left = try await fixture.left(product)
            #expect(left >= 0 && left + sold == before[product], comment)
        }
        let wrong = [
            "a total is not that of the lines": """
            storefront.orders JOIN storefront.payments ON payments.id = payment_id
            WHERE amount <> (SELECT sum(price * quantity) FROM storefront.order_lines WHERE order_id = orders.id)
            """,
            "a paid order without its money": """
            storefront.orders LEFT JOIN storefront.charges USING (payment_id) WHERE state = 'paid' AND amount IS NULL
            """,
            "a receipt without a mail": """
            storefront.orders LEFT JOIN storefront.emails ON emails.id = receipt_id
            WHERE orders.state = 'paid' AND emails.id IS NULL
            """,
            "money that is kept for nothing": """
            storefront.orders JOIN storefront.charges USING (payment_id) WHERE state <> 'paid' AND refunding <> amount
            """,
            "a sale that is refunded": """
            storefront.orders JOIN storefront.charges USING (payment_id) WHERE state = 'paid' AND refunding <> 0
            """,
        ]
        for (what, rows) in wrong { #expect(try await fixture.count(rows) == 0, "\(what), \(comment)") }
        let (mails, paid) = (
            try await fixture.count("storefront.emails"),
            try await fixture.count("storefront.orders WHERE state = 'paid'")
        )
        #expect(mails == paid && paid > 0, comment)
        let difference = try await fixture.database.count(
            "SELECT (sum(debit) - sum(credit))::bigint FROM storefront.entries")
        #expect(difference == 0, comment)
    }
}

/// What happens to an order, in turn or at once.
private struct Fate: Sendable {
    enum Event: CaseIterable, Sendable {
        case succeed, decline, ask, cancel, abandon
    }

    let events: [Event]
    let areAtOnce: Bool

    static func random(using generator: inout some RandomNumberGenerator) -> Fate {
        let count = Int.random(in: 0...4, using: &generator)
        let events = (0..<count).compactMap { _ in Event.allCases.randomElement(using: &generator) }
        return Fate(events: events, areAtOnce: Bool.random(using: &generator))
    }
}

extension OrderFixture {
    /// Orders, and lets come what will; the status of the order's answer.
    fileprivate func live(_ wish: [(String, Int)], _ fate: Fate) async throws -> Int {
        let reply = try await post(json: Self.body(wish), as: ana)
        guard reply.status == 202 else { return reply.status }
        let order = try Self.accepted(reply)
        guard fate.areAtOnce else {
            for event in fate.events { try await befall(order, event) }
            return reply.status
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for event in fate.events { group.addTask { try await befall(order, event) } }
            try await group.waitForAll()
        }
        return reply.status
    }

    private func befall(_ order: Accepted, _ event: Fate.Event) async throws {
        switch event {
        case .succeed: try await settle(order.payment, .succeeded)
        case .decline: try await settle(order.payment, .declined)
        case .ask: try await settle(order.payment, .requiresAction)
        case .cancel:
            let reply = try await ask(.post, "/v1/orders/\(order.order)/cancel", as: ana)
            try #require([200, 409].contains(reply.status), "\(String(decoding: reply.body, as: UTF8.self))")
        case .abandon:
            let id = try #require(OrderID(order.order))
            try await ledger.transaction { transaction in
                _ = try OrderBook.giveUp(id, as: .abandoned, ifPaymentIs: [.requiresAction], in: transaction)
            }
        }
    }
}
