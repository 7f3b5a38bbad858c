// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Payments through a whole mill, against a gateway that nobody here wrote, behind a proxy that loses its answers.
@Suite("Payments", .enabled(if: FakeGateway.python != nil, "needs MILLRACE_TEST_PYTHON, as scripts/test makes it"))
struct PaymentTests {
    private static let pools = """
        pools:
          default: {count: 0}
          payments: {queues: [payments], concurrency: 8, count: 2, database_connections: 8}
        """
    private static let faults = ["drop-before": 0.05, "drop-after": 0.1, "delay": 0.1, "double": 0.1, "busy": 0.02]

    @Test(.timeLimit(.minutes(10)))
    func `300 payments are 300 charges though workers are killed and answers are lost`() async throws {
        try await Mill.with(configuration: Self.pools) { mill in
            let gateway = try await FakeGateway(logFolder: mill.stores.folder)
            let seed = Int.random(in: 1...1_000_000)
            try await gateway.fail(Self.faults, seed: seed)
            try await gateway.deliverEvents(to: mill)
            let up = try mill.start("up", ["up", "--port", "\(mill.port)"], environment: gateway.environment)
            try await mill.expectReady()

            // In steps, as a payment takes no time to speak of: a kill should meet some of them.
            var payments: [String] = []
            for number in 0..<300 {
                payments.append(try await mill.pay(amount: 1000 + number, key: "order-\(number)"))
                if number % 20 == 19 { try await mill.killWorker() }
            }
            let arePaid = try await eventually(within: .seconds(240), every: .milliseconds(500)) {
                try await mill.stores.rows("SELECT count(*) FROM storefront.payments WHERE state <> 'succeeded'") == [
                    "0"
                ]
            }
            #expect(arePaid, "seed \(seed)")
            for (number, payment) in payments.enumerated() where number % 3 == 0 {
                try await mill.refund(payment, amount: number + 1, key: "refund-\(number)")
                if number % 30 == 0 { try await mill.killWorker() }
            }
            #expect(try await mill.expectAllEnded(within: .seconds(240)), "seed \(seed)")

            let counts = try await gateway.counts()
            #expect(counts.charges == 300, "seed \(seed)")
            #expect(counts.charged == (0..<300).reduce(0) { $0 + 1000 + $1 })
            #expect(counts.refunds == 100, "seed \(seed)")
            #expect(counts.refunded == stride(from: 0, to: 300, by: 3).reduce(0) { $0 + $1 + 1 })
            #expect(counts.byKey.count == 400 && counts.byKey.values.allSatisfy { $0 == 1 })
            #expect(counts.keyless == 0)
            #expect(Set(counts.faults.keys) == Set(Self.faults.keys), "each fault has come: \(counts.faults)")
            try await Self.expectBooks(mill, counts)
            #expect(try await mill.count("kind LIKE 'payments.%' AND state <> 'completed'") == 0)
            for child in mill.children { #expect(!child.log.contains("nobody_may_see_this")) }
            up.signal(SIGTERM)
            #expect(await up.exitCode(within: 40) == 0)
        }
    }

    private static func expectBooks(_ mill: Mill, _ counts: FakeGateway.Counts) async throws {
        let states = try await mill.stores.rows(
            """
            SELECT (SELECT string_agg(DISTINCT state, ' ') FROM storefront.payments),
                (SELECT string_agg(DISTINCT state, ' ') FROM storefront.refunds),
                (SELECT count(*) FROM storefront.charges), (SELECT sum(refunding) FROM storefront.charges)
            """)
        #expect(states == ["succeeded|succeeded|300|\(counts.refunded)"])
        let books = try await mill.stores.rows(
            "SELECT sum(debit) = sum(credit), sum(debit), count(*) FROM storefront.entries")
        #expect(books == ["t|\(counts.charged + counts.refunded)|800"])
        // What the gateway has is what we think it has.
        let balance = try await mill.stores.rows(
            "SELECT sum(debit) - sum(credit) FROM storefront.entries WHERE account = 'gateway'")
        #expect(balance == ["\(counts.charged - counts.refunded)"])
    }

    @Test(.timeLimit(.minutes(4)))
    func `a worker that dies between the gateway's answer and the record of it charges nobody twice`() async throws {
        try await Mill.with(configuration: Self.pools) { mill in
            let gateway = try await FakeGateway(logFolder: mill.stores.folder)
            try mill.start("serve", ["serve", "--port", "\(mill.port)"], environment: gateway.environment)
            try await mill.expectReady()
            let points = ["transactionNotHeld", "transactionNotCommitted", "transactionCommitted"]

            for point in points {
                _ = try await mill.pay(amount: 1999, key: point)
                let victim = try mill.start(
                    "work", ["work", "--queues", "payments", "--concurrency", "1"],
                    environment: gateway.environment.merging(["MILLRACE_FAILPOINTS": "\(point):kill"]) { $1 })
                #expect(await victim.exitCode(within: 60) == -SIGKILL, "\(point)")
            }
            #expect(try await gateway.counts().charges == 3)
            try mill.start("work", ["work", "--queues", "payments"], environment: gateway.environment)
            #expect(try await mill.expectAllEnded(within: .seconds(120)))

            let counts = try await gateway.counts()
            #expect(counts.charges == 3 && counts.charged == 3 * 1999)
            #expect(try await mill.count("state = 'completed' AND failures = 0") == 3)
            #expect(
                try await mill.stores.rows("SELECT sum(debit), sum(credit), count(*) FROM storefront.entries")
                    == ["5997|5997|6"])
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `without a gateway the API says what to set, and all else works`() async throws {
        try await Mill.with(configuration: Self.pools) { mill in
            try await mill.startAPI()
            let answer = try await mill.request(
                "POST", "/v1/payments", #"{"amount":1999,"currency":"EUR","payment_method":"pm_card_visa"}"#)
            #expect(answer.status == 503)
            #expect((answer.json["detail"] as? String)?.contains("STRIPE_SECRET_KEY") == true)

            let wrong = try mill.start(
                "serve", ["serve", "--port", "1"], environment: ["STRIPE_SECRET_KEY": "pk_test_nobody_may_see_this"])
            #expect(await wrong.exitCode(within: 20) == 2)
            #expect(wrong.log.contains("STRIPE_SECRET_KEY") && !wrong.log.contains("nobody_may_see_this"))
        }
    }
}

extension Mill {
    /// Asks for a payment until it is answered; its id.
    fileprivate func pay(amount: Int, key: String) async throws -> String {
        let answer = try await request(
            "POST", "/v1/payments", #"{"amount":\#(amount),"currency":"EUR","payment_method":"pm_card_visa"}"#,
            headers: ["Idempotency-Key": key])
        guard answer.status == 202, let id = (answer.json["payment"] as? [String: String])?["id"] else {
            throw Refused(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
        }
        return id
    }

    fileprivate func refund(_ payment: String, amount: Int, key: String) async throws {
        let answer = try await request(
            "POST", "/v1/refunds", #"{"payment":"\#(payment)","amount":\#(amount)}"#,
            headers: ["Idempotency-Key": key])
        guard answer.status == 202 else {
            throw Refused(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
        }
    }

    /// Kills one of the worker processes that live; which one is left to chance.
    fileprivate func killWorker() async throws {
        let hasKilled = try await eventually(within: .seconds(30)) {
            let workers = try await self.request("GET", "/v1/workers").json["workers"] as? [[String: Any]]
            guard let pid = workers?.compactMap({ $0["pid"] as? Int }).randomElement() else { return false }
            return kill(Int32(pid), SIGKILL) == 0
        }
        #expect(hasKilled)
    }
}
