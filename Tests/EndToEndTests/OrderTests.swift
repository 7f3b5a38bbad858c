// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Orders through a whole mill that is killed piece by piece, and a gateway that loses its answers.
@Suite("Orders", .enabled(if: FakeGateway.python != nil, "needs MILLRACE_TEST_PYTHON, as scripts/test makes it"))
struct OrderTests {
    /// `MILLRACE_ORDERS=2000` for the long run.
    private static let count = ProcessInfo.processInfo.environment["MILLRACE_ORDERS"].flatMap { Int($0) } ?? 100
    private static let faults = ["drop-before": 0.05, "drop-after": 0.1, "delay": 0.1, "double": 0.1, "busy": 0.02]

    @Test(.timeLimit(.minutes(5)))
    func `of 200 buyers of the last 50 pieces 50 get one, whatever is killed`() async throws {
        try await Mill.with { mill in
            let gateway = try await FakeGateway(logFolder: mill.stores.folder)
            let shop = try await Shop(mill, gateway: gateway)
            try await shop.stock("pot", 50, price: 2999)
            let buyers = try await shop.logIn(200)
            let seed = UInt64.random(in: 1...1_000_000)

            async let kills: Void = shop.killWhileItSells(times: 6, of: 50, seed: seed)
            let answers = try await shop.serve(buyers, atOnce: 25) { buyer in
                try await shop.order([("pot", 1)], as: buyers[buyer], key: "pot")
            }
            try await kills

            let orders = answers.compactMap { if case .accepted(let order) = $0 { order } else { nil } }
            #expect(orders.count == 50 && Set(orders).count == 50, "seed \(seed)")
            #expect(answers.count { $0 == .outOfStock } == 150, "seed \(seed)")
            #expect(try await mill.expectAllEnded(within: .seconds(120)), "seed \(seed)")
            #expect(
                try await mill.stores.rows(
                    "SELECT state, count(*), count(DISTINCT user_id) FROM storefront.orders GROUP BY state")
                    == ["paid|50|50"])
            #expect(try await mill.stores.rows("SELECT stock FROM storefront.products") == ["0"])
            #expect(try await gateway.counts().charged == 50 * 2999)
            #expect(shop.mails.count == 50)
        }
    }

    @Test(.timeLimit(.minutes(30)))
    func `each order is one charge and one receipt though processes are killed and answers are lost`() async throws {
        try await Mill.with { mill in
            let gateway = try await FakeGateway(logFolder: mill.stores.folder)
            let seed = UInt64.random(in: 1...1_000_000)
            try await gateway.fail(Self.faults, seed: Int(seed))
            try await gateway.deliverEvents(to: mill)
            let shop = try await Shop(mill, gateway: gateway)
            try await shop.stock("pot", Self.count, price: 2999)
            try await shop.stock("tea", 3 * Self.count, price: 450)
            let buyers = try await shop.logIn(Self.count)

            async let kills: Void = shop.killWhileItSells(times: Self.count / 10, of: Self.count, seed: seed)
            let answers = try await shop.serve(buyers, atOnce: 8) { buyer in
                try await shop.order([("tea", 1 + buyer % 3), ("pot", 1)], as: buyers[buyer], key: "\(buyer)")
            }
            try await kills
            #expect(try await mill.expectAllEnded(within: .seconds(600)), "seed \(seed)")

            let charged = (0..<Self.count).reduce(0) { $0 + 2999 + 450 * (1 + $1 % 3) }
            let counts = try await gateway.counts()
            #expect(counts.charges == Self.count && counts.charged == charged, "seed \(seed)")
            #expect(counts.refunds == 0 && counts.keyless == 0, "seed \(seed)")
            #expect(counts.byKey.count == Self.count && counts.byKey.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(!answers.contains(.outOfStock), "seed \(seed)")
            try await Self.expectBooks(mill, charged: charged, "seed \(seed)")
            try await Self.expectReceipts(shop, answers, "seed \(seed)")
        }
    }

    private static func expectBooks(_ mill: Mill, charged: Int, _ comment: Comment) async throws {
        let books = try await mill.stores.rows("SELECT sum(debit), sum(credit), count(*) FROM storefront.entries")
        #expect(books == ["\(charged)|\(charged)|\(2 * count)"], comment)
        let orders = try await mill.stores.rows(
            "SELECT state, count(*), count(DISTINCT receipt_id) FROM storefront.orders GROUP BY state")
        #expect(orders == ["paid|\(count)|\(count)"], comment)
        let sold = try await mill.stores.rows(
            """
            SELECT id, stock + (SELECT sum(quantity) FROM storefront.order_lines WHERE product_id = id)
            FROM storefront.products
            """
        )
        #expect(sold.sorted() == ["pot|\(count)", "tea|\(3 * count)"], comment)
        // The gateway may still repeat an event, whose job has then just begun.
        let failed = try await mill.stores.rows(
            "SELECT kind, state, attempt, errors FROM millrace.jobs WHERE state IN ('dead', 'cancelled') LIMIT 5")
        #expect(failed == [], comment)
    }

    /// A mail is a file named by its job, so that one that was sent twice is one that is the same.
    private static func expectReceipts(_ shop: Shop, _ answers: [Shop.Answer], _ comment: Comment) async throws {
        let recorded = try await shop.mill.stores.rows(
            """
            SELECT state, count(*), count(DISTINCT message_id), count(DISTINCT recipient)
            FROM storefront.emails
            GROUP BY state
            """
        )
        #expect(recorded == ["sent|\(count)|\(count)|\(count)"], comment)
        let receipts = try await shop.mill.stores.rows("SELECT receipt_id, id FROM storefront.orders")
        let mails = shop.mails
        #expect(mails.count == count, comment)
        for receipt in receipts {
            let (id, order) = (String(receipt.prefix(36)), String(receipt.suffix(36)))
            #expect(mails[id]?.contains("Subject: Your receipt for order \(order)") == true, comment)
            #expect(answers.contains(.accepted(order: order)), comment)
        }
    }
}

extension Shop {
    /// Kills processes at random, evenly spread over the time in which so many orders come in.
    fileprivate func killWhileItSells(times: Int, of orders: Int, seed: UInt64) async throws {
        var generator = Seeded(state: seed)
        for kill in 1...times {
            let isSold = try await eventually(within: .seconds(300)) {
                let rows = try await mill.stores.rows("SELECT count(*) FROM storefront.orders")
                return (rows.first.flatMap { Int($0) } ?? 0) >= kill * orders / (times + 1)
            }
            #expect(isSold)
            try await killOne(using: &generator)
        }
    }

    /// Serves customers, so many at a time; their answers, in their order.
    fileprivate func serve(
        _ buyers: [String], atOnce: Int, _ order: @escaping @Sendable (Int) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            var answers: [Int: Answer] = [:]
            for buyer in buyers.indices {
                if buyer >= atOnce, let (number, answer) = try await group.next() { answers[number] = answer }
                group.addTask { (buyer, try await order(buyer)) }
            }
            for try await (number, answer) in group { answers[number] = answer }
            return buyers.indices.compactMap { answers[$0] }
        }
    }
}

/// Random numbers that a seed repeats.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 32
    }
}
