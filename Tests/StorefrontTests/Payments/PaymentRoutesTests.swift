// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import MillraceTesting
import PostgresDriver
import Testing

@testable import Storefront

@Suite("PaymentRoutes", .needsPostgres) struct PaymentRoutesTests {
    @Test func `a payment is written with its job, and shown`() async throws {
        try await PaymentFixture.with { fixture in
            let reply = try await fixture.post(
                "/v1/payments", json: #"{"amount": 1999, "currency": "EUR", "payment_method": "pm_card_visa"}"#)

            let accepted = try PaymentFixture.accepted(reply)
            #expect(reply.headers[.location] == "/v1/payments/\(accepted.payment)")
            let shown = try await fixture.show(accepted.payment)
            #expect(shown["state"] as? String == "pending")
            #expect(shown["amount"] as? Int == 1999)
            #expect(shown["currency"] as? String == "EUR")
            #expect(shown["decimal"] as? String == "19.99")
            #expect((shown["job"] as? [String: String])?["url"] == "/v1/jobs/\(accepted.job)")
            #expect((shown["refunds"] as? [Any])?.isEmpty == true)
            let job = try #require(try await fixture.ledger.jobs([accepted.job])[accepted.job])
            #expect(job.kind == "payments.charge" && job.queue == "payments")
            #expect(job.payload == Array(#"{"payment":"\#(accepted.payment)"}"#.utf8))
        }
    }

    @Test(arguments: [
        (#"{"amount":19.99,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1999.0,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1e3,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":"1999","currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":0,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":-1,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1000000000000,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":99999999999999999999,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1505,"currency":"BHD","payment_method":"pm_a"}"#, "/amount"),
        (#"{"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1,"currency":"eur","payment_method":"pm_a"}"#, "/currency"),
        (#"{"amount":1,"currency":"XTS","payment_method":"pm_a"}"#, "/currency"),
        (#"{"amount":1,"payment_method":"pm_a"}"#, "/currency"),
        (#"{"amount":1,"currency":"EUR","payment_method":"tok_visa"}"#, "/payment_method"),
        (#"{"amount":1,"currency":"EUR","payment_method":"pm_"}"#, "/payment_method"),
        (#"{"amount":1,"currency":"EUR","payment_method":"pm_a&amount=1"}"#, "/payment_method"),
        (#"{"amount":1,"currency":"EUR"}"#, "/payment_method"),
        (#"{"amount":1,"amount":2,"currency":"EUR","payment_method":"pm_a"}"#, "/amount"),
        (#"{"amount":1,"currency":"EUR","payment_method":"pm_a","card":"x"}"#, "/card"), ("[]", ""),
    ])
    func `what is wrong with a payment is said by member, and nothing is written`(json: String, pointer: String)
        async throws
    {
        try await PaymentFixture.with { fixture in
            let reply = try await fixture.post("/v1/payments", json: json)

            #expect(reply.status == 422)
            let errors = try reply.json["errors"] as? [[String: Any]]
            #expect(errors?.compactMap { $0["pointer"] as? String } == [pointer])
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.payments") == 0)
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 0)
        }
    }

    @Test func `a card number is refused without being repeated`() async throws {
        try await PaymentFixture.with { fixture in
            for json in [
                #"{"amount":1,"currency":"EUR","payment_method":"4242 4242 4242 4242"}"#,
                #"{"amount":1,"currency":"EUR","payment_method":"pm_a","card":{"number":"4242424242424242"}}"#,
                #"{"amount":4242424242424242,"currency":"EUR","payment_method":"pm_a"}"#,
            ] {
                let reply = try await fixture.post("/v1/payments", json: json)

                #expect(reply.status == 422)
                #expect(try reply.json["type"] as? String == "/problems/card-number")
                #expect(!String(decoding: reply.body, as: UTF8.self).contains("4242"))
            }
        }
    }

    @Test(arguments: ["/v1/payments", "/v1/refunds"])
    func `a card number is refused as an idempotency key, too`(path: String) async throws {
        try await PaymentFixture.with { fixture in
            for key in ["4242424242424242", "order-7_4242-4242-4242-4242"] {
                let reply = try await fixture.post(
                    path, json: #"{"amount":1,"currency":"EUR","payment_method":"pm_a"}"#,
                    headers: [try #require(HTTPField.Name("Idempotency-Key")): key])

                #expect(reply.status == 422)
                #expect(try reply.json["type"] as? String == "/problems/card-number")
                #expect(!String(decoding: reply.body, as: UTF8.self).contains("4242"))
            }
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.payments") == 0)
        }
    }

    @Test func `a request that is repeated with its key is one payment`() async throws {
        try await PaymentFixture.with { fixture in
            let json = #"{"amount":1999,"currency":"EUR","payment_method":"pm_card_visa"}"#
            let key: HTTPFields = [try #require(HTTPField.Name("Idempotency-Key")): "order-7"]

            let first = try await fixture.post("/v1/payments", json: json, headers: key)
            let second = try await fixture.post("/v1/payments", json: json, headers: key)
            let other = try await fixture.post(
                "/v1/payments", json: json.replacing("1999", with: "1998"), headers: key)

            #expect(first.status == 202 && second.status == 202)
            #expect(first.body == second.body)
            #expect(other.status == 422)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.payments") == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 1)
        }
    }

    @Test func `without a gateway the routes say which variable to set, and workers leave the kinds to others`()
        async throws
    {
        try await PhotoDatabase.with { ledger, database in
            let payments = Payments(environment: [:])
            let table = RouteTable(
                routes: payments.routes(ledger: ledger), keys: ClientOfQueue("payments"))
            var handlers = JobHandlers()
            payments.register(in: &handlers)

            let fixture = PaymentFixture(database: database, ledger: ledger, table: table, handlers: handlers)
            let replies = [
                try await fixture.send(.post, "/v1/payments"), try await fixture.send(.post, "/v1/refunds"),
                try await fixture.send(.post, "/v1/webhooks/stripe"),
            ]

            try payments.check()
            #expect(replies.map(\.status) == [503, 503, 503])
            #expect(
                try replies[0].json["detail"].flatMap { $0 as? String }?.hasPrefix("STRIPE_SECRET_KEY is not") == true)
            #expect(
                try replies[2].json["detail"].flatMap { $0 as? String }?.hasPrefix("STRIPE_WEBHOOK_SECRET is not")
                    == true)
            #expect(replies.allSatisfy { $0.headers[.retryAfter] != nil })
            #expect(handlers.catalog.kinds.isEmpty)
            let missing = try await fixture.send(.get, "/v1/payments/01a20528-b155-7bc3-8c3f-1f17f7340084")
            #expect(missing.status == 404)
        }
    }

    @Test(arguments: [
        (["STRIPE_SECRET_KEY": "pk_test_public"], "STRIPE_SECRET_KEY"),
        (["STRIPE_SECRET_KEY": "sk_test_a\n"], "STRIPE_SECRET_KEY"),
        (["STRIPE_SECRET_KEY": "sk_test_a", "STRIPE_API_BASE": "http://pay.example"], "STRIPE_API_BASE"),
        (["STRIPE_SECRET_KEY": "sk_test_a", "STRIPE_API_BASE": "https://pay.example/v1"], "STRIPE_API_BASE"),
        (["STRIPE_SECRET_KEY": "sk_test_a", "STRIPE_API_BASE": "pay.example"], "STRIPE_API_BASE"),
    ])
    func `a variable that is wrong is named, and never shown`(environment: [String: String], name: String) throws {
        let error = #expect(throws: GatewayError.self) { try Payments(environment: environment).check() }
        #expect(error?.description.contains(name) == true)
        for value in environment.values { #expect(error?.description.contains(value) == false) }
    }

    @Test func `a secret shows nothing of itself`() throws {
        let configuration = try #require(
            try GatewayConfiguration(environment: [
                "STRIPE_SECRET_KEY": "sk_test_hidden", "STRIPE_WEBHOOK_SECRET": "whsec_hidden",
            ]))
        var dumped = ""
        dump(configuration, to: &dumped)

        #expect(!"\(configuration)\(String(reflecting: configuration))\(dumped)".contains("hidden"))
        #expect(configuration.address == "https://api.stripe.com")
    }

    // MARK: - Refunds

    @Test func `only what was charged can be refunded`() async throws {
        try await PaymentFixture.with { fixture in
            let pending = try await fixture.pay()
            let unknown = try await fixture.post(
                "/v1/refunds", json: #"{"payment":"01a20528-b155-7bc3-8c3f-1f17f7340084"}"#)
            let early = try await fixture.post("/v1/refunds", json: #"{"payment":"\#(pending.payment)"}"#)
            try await fixture.charge(pending.payment)
            let tooMuch = try await fixture.post(
                "/v1/refunds", json: #"{"payment":"\#(pending.payment)","amount":2000}"#)
            let part = try await fixture.refund(pending.payment, 500)
            let rest = try await fixture.refund(pending.payment, nil)
            let nothing = try await fixture.post("/v1/refunds", json: #"{"payment":"\#(pending.payment)"}"#)
            let more = try await fixture.post("/v1/refunds", json: #"{"payment":"\#(pending.payment)","amount":1}"#)

            #expect(unknown.status == 404)
            #expect(early.status == 409)
            for refused in [tooMuch, nothing, more] {
                #expect(refused.status == 422)
                #expect(try refused.json["type"] as? String == "/problems/refund-above-charge")
            }
            #expect(part.refund != rest.refund)
            let shown = try await fixture.show(pending.payment)["refunds"] as? [[String: Any]]
            #expect(shown?.compactMap { $0["amount"] as? Int } == [1499, 500])
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 3)
        }
    }

    @Test func `a refund in smaller steps than the gateway takes is refused, and reserves nothing`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay(1510, "BHD").payment
            try await fixture.charge(payment)

            let reply = try await fixture.post("/v1/refunds", json: #"{"payment":"\#(payment)","amount":5}"#)

            #expect(reply.status == 422)
            let errors = try reply.json["errors"] as? [[String: Any]]
            #expect(errors?.compactMap { $0["pointer"] as? String } == ["/amount"])
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.refunds") == 0)
            #expect(try await fixture.database.count("SELECT count(*) FROM millrace.jobs") == 1)
            _ = try await fixture.refund(payment, 10)
            _ = try await fixture.refund(payment, nil)
        }
    }

    @Test func `refunds that race never exceed the charge`() async throws {
        try await PaymentFixture.with { fixture in
            var generator = SplitMix64(seed: 13)
            for _ in 0..<6 {
                let charge = Int.random(in: 1...1000, using: &generator)
                let payment = try await fixture.pay(charge).payment
                try await fixture.charge(payment)
                let amounts = (0..<12).map { _ in Int.random(in: 1...charge, using: &generator) }

                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for amount in amounts {
                        group.addTask {
                            try await fixture.post(
                                "/v1/refunds", json: #"{"payment":"\#(payment)","amount":\#(amount)}"#
                            )
                            .status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }

                #expect(Set(statuses).isSubset(of: [202, 422]) && statuses.contains(202))
                let sums = try await fixture.database.run(
                    """
                    SELECT refunding, (SELECT sum(amount) FROM storefront.refunds WHERE payment_id = charge.payment_id)::bigint
                    FROM storefront.charges AS charge WHERE payment_id = '\(payment)'
                    """)
                let row = try #require(sums.rows.first)
                #expect(try row.integer(0) == row.integer(1))
                #expect(try row.integer(0) <= charge)
            }
        }
    }

    // MARK: - The books

    @Test func `entries that do not balance are not committed, and none is ever changed`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay().payment
            try await fixture.charge(payment)
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
            let refund = try await fixture.refund(payment, 500)

            let wrong = [
                // One side alone; two sides that differ; the right sum in two currencies.
                ["('refunds', 'EUR', 500, 0)"], ["('refunds', 'EUR', 500, 0)", "('gateway', 'EUR', 0, 499)"],
                ["('refunds', 'EUR', 500, 0)", "('gateway', 'USD', 0, 500)"], ["('refunds', 'EUR', 500, 500)"],
                ["('refunds', 'EUR', -500, 0)", "('gateway', 'EUR', 0, -500)"],
            ]
            for lines in wrong {
                let error = await #expect(throws: PostgresError.self) {
                    try await fixture.database.run(
                        """
                        INSERT INTO storefront.entries (payment_id, refund_id, account, currency, debit, credit)
                        SELECT '\(payment)'::uuid, '\(refund.refund ?? "")'::uuid, line.*
                        FROM (VALUES \(lines.joined(separator: ","))) AS line
                        """)
                }
                #expect(error?.sqlState == "23514")
            }
            // The same movement a second time.
            let again = await #expect(throws: PostgresError.self) {
                try await fixture.database.run(
                    """
                    INSERT INTO storefront.entries (payment_id, account, currency, debit, credit)
                    SELECT payment_id, account, currency, debit, credit FROM storefront.entries
                    """)
            }
            #expect(again?.sqlState == "23505")
            for statement in [
                "UPDATE storefront.entries SET debit = debit + 1", "DELETE FROM storefront.entries",
                "TRUNCATE storefront.entries",
            ] {
                let error = await #expect(throws: PostgresError.self) { try await fixture.database.run(statement) }
                #expect(error?.constraint == "entries_stay")
            }
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
        }
    }

    @Test(
        arguments: [
            ("succeeded", 1999, "succeeded", nil), ("requires_action", 1999, "requires_action", nil),
            ("processing", 1999, "processing", nil),
            ("requires_payment_method", 1999, "declined", "insufficient_funds"),
            ("canceled", 1999, "declined", "canceled"), ("requires_confirmation", 1999, "pending", nil),
            ("requires_capture", 1999, "needs_review", "status_unknown"),
            ("succeeded", 1998, "needs_review", "amount_differs"),
        ] as [(String, Int, String, String?)])
    func `each status of an intent makes of a payment what it should`(
        status: String, amount: Int, state: String, code: String?
    ) async throws {
        try await PaymentFixture.with { fixture in
            let id = try await fixture.pay().payment
            let payment = try #require(PaymentID(id))
            let json =
                #"{"object":"payment_intent","id":"pi_1","status":"\#(status)","amount":\#(amount),"currency":"eur","#
                + #""client_secret":"s","last_payment_error":{"code":"card_declined","decline_code":"insufficient_funds"}}"#
            let intent = try #require(GatewayAnswer(Array(json.utf8)).flatMap { GatewayIntent($0) })

            let settled = try await fixture.ledger.transaction { transaction in
                let seen = try #require(try PaymentRows.lock(payment, in: transaction)).seen
                return try PaymentBook.settle(seen, .stands(intent), in: transaction, logger: PhotoDatabase.logger)
            }

            #expect(settled.rawValue == state)
            let shown = try await fixture.show(id)
            #expect(shown["state"] as? String == state)
            #expect(shown["code"] as? String == code)
            #expect(shown["client_secret"] as? String == (state == "requires_action" ? "s" : nil))
            #expect(try await fixture.balances() == (state == "succeeded" ? ["gateway": 1999, "sales": -1999] : [:]))
        }
    }

    @Test func `a word of the gateway that is older than the row is asked for again`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try #require(PaymentID(try await fixture.pay().payment))
            let old = try await fixture.ledger.transaction { transaction in
                let seen = try #require(try PaymentRows.lock(payment, in: transaction)).seen
                _ = try PaymentBook.settle(
                    seen, .declined(code: "card_declined"), in: transaction, logger: PhotoDatabase.logger)
                return seen
            }

            await #expect(throws: JobSignal.snooze(.seconds(1))) {
                try await fixture.ledger.transaction { transaction in
                    try PaymentBook.settle(
                        old, .needsReview(code: "x"), in: transaction, logger: PhotoDatabase.logger)
                }
            }
            #expect(try await fixture.state("\(payment)") == "declined")
        }
    }
}
