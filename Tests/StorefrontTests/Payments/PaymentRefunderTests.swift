// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillracePostgres
import Testing

@testable import Storefront

@Suite("PaymentRefunder", .needsPostgres, .needsPython) struct PaymentRefunderTests {
    private static func withCharge(
        _ body: (PaymentFixture, FakeGateway, _ payment: String) async throws -> Void
    ) async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            #expect(try await fixture.run(payment.job).state == "succeeded")
            try await body(fixture, gateway, payment.payment)
        }
    }

    @Test func `a refund is given back once, and booked`() async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let part = try await fixture.refund(payment, 500)
            #expect(try await fixture.run(part.job).state == "succeeded")
            #expect(try await fixture.balances() == ["gateway": 1499, "sales": -1999, "refunds": 500])

            let rest = try await fixture.refund(payment, nil)
            #expect(try await fixture.run(rest.job).state == "succeeded")

            #expect(try await fixture.balances() == ["gateway": 0, "sales": -1999, "refunds": 1999])
            let counts = try await gateway.counts()
            #expect(counts.refunds == 2 && counts.refunded == 1999 && counts.mostOfKey == 1 && counts.keyless == 0)
            let shown = try await fixture.show(payment)["refunds"] as? [[String: Any]]
            #expect(shown?.compactMap { $0["state"] as? String } == ["succeeded", "succeeded"])
        }
    }

    @Test(arguments: [FakeGateway.Fault.dropBefore, .dropAfter, .delay, .double, .errorAfter, .busy])
    func `whatever becomes of an answer, there is one refund`(fault: FakeGateway.Fault) async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let refund = try await fixture.refund(payment, 500)
            try await gateway.plan([("/v1/refunds", "POST", fault)])

            #expect(try await fixture.runToEnd(refund.job).state == "succeeded")

            let counts = try await gateway.counts()
            #expect(counts.refunds == 1 && counts.refunded == 500)
            #expect(try await fixture.balances() == ["gateway": 1499, "sales": -1999, "refunds": 500])
        }
    }

    @Test func `an answer that was lost is found also when the gateway has forgotten the key`() async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let refund = try await fixture.refund(payment, 500)
            try await gateway.plan([("/v1/refunds", "POST", .dropAfter)])
            await fixture.expectNoResult(try await fixture.run(refund.job))

            try await gateway.advance(hours: 25)
            try await fixture.age(hours: 25)
            #expect(try await fixture.run(refund.job).state == "succeeded")

            #expect(try await gateway.counts().refunds == 1)
        }
    }

    @Test func `a refund that cannot be settled within 20 hours is left to people, and stays reserved`() async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let refund = try await fixture.refund(payment, 1500)
            try await gateway.plan([("/v1/refunds", "POST", .errorBefore)])
            await fixture.expectNoResult(try await fixture.runToEnd(refund.job, runsMax: 2))

            try await fixture.age(hours: 21)
            try await gateway.advance(hours: 25)
            #expect(try await fixture.run(refund.job).state == "needs_review")

            #expect(try await gateway.counts().refunds == 0)
            let more = try await fixture.post("/v1/refunds", json: #"{"payment":"\#(payment)","amount":500}"#)
            #expect(more.status == 422)
        }
    }

    @Test func `a refund that the gateway refuses has failed, and its amount is free again`() async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let refund = try await fixture.refund(payment, 1999)
            // As when somebody has deleted the intent there.
            try await fixture.database.run("UPDATE storefront.payments SET intent = 'pi_gone'")
            try await gateway.plan([])

            let result = try await fixture.run(refund.job)

            // Neither asking nor looking can tell: it is no refusal as long as the gateway does not know the payment.
            await fixture.expectNoResult(result)
            let id = try #require(RefundID(refund.refund ?? ""))
            try await fixture.ledger.transaction { transaction in
                let seen = try #require(try RefundRows.lock(id, in: transaction)).seen
                _ = try PaymentBook.settle(
                    seen, .failed(code: "charge_disputed"), in: transaction, logger: PhotoDatabase.logger)
            }
            #expect(
                try await fixture.show(payment)["refunds"].flatMap { $0 as? [[String: Any]] }?.first?["code"] as? String
                    == "charge_disputed")
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
            _ = try await fixture.refund(payment, 1999)
        }
    }

    @Test func `the gateway's word of a refund may come before the job's own`() async throws {
        try await Self.withCharge { fixture, gateway, payment in
            let refund = try await fixture.refund(payment, 500)
            let id = try #require(refund.refund)
            try await gateway.plan([("/v1/refunds", "POST", .dropAfter)])
            await fixture.expectNoResult(try await fixture.run(refund.job))
            let name = try await gateway.refundNames()[0]

            let reply = try await fixture.event(
                PaymentFixture.event("evt_1", object: "refund", name, refund: id))
            #expect(reply.status == 200)
            for job in try await fixture.eventJobs() { #expect(try await fixture.run(job).state == "succeeded") }
            #expect(try await fixture.run(refund.job).state == "succeeded")

            #expect(try await gateway.counts().refunds == 1)
            #expect(try await fixture.balances() == ["gateway": 1499, "sales": -1999, "refunds": 500])
        }
    }
}
