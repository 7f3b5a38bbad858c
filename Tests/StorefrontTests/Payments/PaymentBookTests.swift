// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Logging
import Millrace
import MillracePostgres
import PostgresDriver
import Testing

@testable import Storefront

/// What the books make of a gateway's bad news, without a gateway.
@Suite("PaymentBook", .needsPostgres) struct PaymentBookTests {
    // MARK: - Refunds

    @Test func `a refund that an ended order is owed never fails quietly, and stays reserved`() async throws {
        try await OrderFixture.with { fixture in
            try await fixture.stock("tea", 5)
            let order = try await fixture.order([("tea", 2)])
            _ = try await fixture.ask(.post, "/v1/orders/\(order.order)/cancel", as: fixture.ana)
            try await fixture.settle(order.payment, .succeeded)
            let refund = try await fixture.payments.refunds()[0]
            let log = LogLines()

            let state = try await fixture.payments.settle(refund, .failed(code: "balance_insufficient"), log.logger)

            #expect(state == .needsReview)
            #expect(log.all == ["error a refund failed", "error a refund needs review"])
            let row = try #require(try await fixture.payments.row(refund))
            #expect(row.code == "balance_insufficient" && row.settledAt == nil)
            #expect(try await fixture.payments.reserved() == 900)
            // A person has seen to it.
            #expect(try await fixture.payments.settle(refund, status: "succeeded", log.logger) == .succeeded)
            #expect(try await fixture.payments.balances() == ["gateway": 0, "sales": -900, "refunds": 900])
        }
    }

    @Test func `another refund that fails is told of, and its amount is free again`() async throws {
        try await PaymentFixture.with { fixture in
            let refund = try await fixture.refundOfCharge(500)
            let log = LogLines()

            #expect(try await fixture.settle(refund, .failed(code: "charge_disputed"), log.logger) == .failed)

            #expect(log.all == ["error a refund failed"])
            #expect(try await fixture.reserved() == 0)
        }
    }

    @Test func `a refund that fails after it was booked is left to people, once for all`() async throws {
        try await PaymentFixture.with { fixture in
            let refund = try await fixture.refundOfCharge(500)
            let log = LogLines()
            #expect(try await fixture.settle(refund, status: "succeeded", log.logger) == .succeeded)
            #expect(try await fixture.settle(refund, status: "pending", log.logger) == .succeeded)
            #expect(log.all.isEmpty)

            #expect(try await fixture.settle(refund, status: "failed", log.logger) == .needsReview)
            #expect(log.all == ["error a refund failed", "error a refund needs review"])
            // Neither the same again nor what is older moves anything.
            for status in ["failed", "succeeded", "pending"] {
                #expect(try await fixture.settle(refund, status: status, log.logger) == .needsReview)
            }

            #expect(log.all.count == 2)
            #expect(try await fixture.row(refund)?.code == "failed")
            #expect(try await fixture.reserved() == 500)
            #expect(try await fixture.balances() == ["gateway": 1499, "sales": -1999, "refunds": 500])
        }
    }

    // MARK: - Jobs

    @Test func `an amount that the gateway cannot express is refused by its job`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay(1510, "BHD")
            try await fixture.charge(payment.payment)
            try await fixture.database.run("UPDATE storefront.payments SET asked_at = now(), intent = 'pi_1'")
            // As it was accepted by another release.
            let (id, refund) = (try #require(PaymentID(payment.payment)), RefundID())
            let job = try await fixture.ledger.transaction { transaction in
                let job = try transaction.enqueue(RefundPayment(refund: refund))
                _ = try RefundRows.insert(refund, job: job, of: id, minorUnits: 5, in: transaction)
                return job
            }
            let other = try await fixture.pay(1510, "BHD")
            try await fixture.database.run("UPDATE storefront.payments SET amount = 1505 WHERE id = '\(other.payment)'")

            #expect(try await fixture.run(job).state == "failed")
            #expect(try await fixture.run(other.job).state == "declined")

            #expect(try await fixture.row(refund)?.code == "amount_unsupported")
            #expect(try await fixture.reserved() == 0)
            #expect(try await fixture.show(other.payment)["code"] as? String == "amount_unsupported")
        }
    }

    @Test(arguments: ["declined", "requires_action", "processing"])
    func `a late retry while the gateway is away forgets nothing that it told`(state: String) async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay()
            await fixture.expectNoResult(try await fixture.run(payment.job))
            try await fixture.database.run("UPDATE storefront.payments SET state = '\(state)', intent = 'pi_1'")
            try await fixture.age(hours: 21)

            let result = try await fixture.run(payment.job)

            let error = #expect(throws: GatewayError.self) { try result.get() }
            #expect(error?.code == .away)
            #expect(try await fixture.state(payment.payment) == state)
        }
    }

    @Test func `a late retry of a payment that was declined before it had an intent leaves it so`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay()
            await fixture.expectNoResult(try await fixture.run(payment.job))
            try await fixture.database.run("UPDATE storefront.payments SET state = 'declined', code = 'refused'")
            try await fixture.age(hours: 21)

            #expect(try await fixture.run(payment.job).state == "declined")
            #expect(try await fixture.show(payment.payment)["code"] as? String == "refused")
        }
    }

    @Test(
        arguments: [
            (.zero, .snooze(.seconds(1))), (.seconds(1), .snooze(.seconds(1))), (.seconds(60), .snooze(.seconds(60))),
        ] as [(Duration, JobSignal)])
    func `a gateway that says when to come back costs no attempt`(delay: Duration, signal: JobSignal) {
        let error = GatewayError(.away, "POST /v1/refunds: status 429", retryAfter: delay)
        #expect(error.signal(PhotoDatabase.logger) as? JobSignal == signal)
        #expect(GatewayError(.away, "no answer").signal(PhotoDatabase.logger) is GatewayError)
        #expect(GatewayError(.misconfigured, "401", retryAfter: delay).signal(PhotoDatabase.logger) is GatewayError)
    }
}

extension PaymentFixture {
    /// Makes a charge, and a refund of a part of it.
    fileprivate func refundOfCharge(_ amount: Int) async throws -> RefundID {
        let payment = try await pay().payment
        try await charge(payment)
        return try #require(try await refund(payment, amount).refund.flatMap { RefundID($0) })
    }

    fileprivate func refunds() async throws -> [RefundID] {
        try await database.run("SELECT id FROM storefront.refunds ORDER BY created_at").rows.map { row in
            try #require(RefundID(bytes: try row.uuid(0)))
        }
    }

    /// What of the charges is refunded, or about to be.
    fileprivate func reserved() async throws -> Int {
        try await database.count("SELECT sum(refunding)::bigint FROM storefront.charges")
    }

    fileprivate func row(_ id: RefundID) async throws -> RefundRow? {
        let payments = try await database.run("SELECT payment_id FROM storefront.refunds WHERE id = '\(id)'").rows
        let payment = try #require(try payments.first.flatMap { PaymentID(bytes: try $0.uuid(0)) })
        let rows = try await ledger.transaction { try RefundRows.list(of: payment, in: $0) }
        return rows.first { $0.id == id }
    }

    fileprivate func settle(_ id: RefundID, _ verdict: RefundVerdict, _ logger: Logger) async throws -> RefundState {
        try await ledger.transaction { transaction in
            let seen = try #require(try RefundRows.lock(id, in: transaction)).seen
            return try PaymentBook.settle(seen, verdict, in: transaction, logger: logger)
        }
    }

    /// As the gateway tells it.
    fileprivate func settle(_ id: RefundID, status: String, _ logger: Logger) async throws -> RefundState {
        let amount = try #require(try await row(id)).amount.minorUnits
        let json = #"{"object":"refund","id":"re_1","status":"\#(status)","amount":\#(amount),"currency":"eur"}"#
        let refund = try #require(GatewayAnswer(Array(json.utf8)).flatMap { GatewayRefund($0) })
        return try await settle(id, .stands(refund), logger)
    }
}
