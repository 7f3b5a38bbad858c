// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillracePostgres
import Testing

@testable import Storefront

/// Payments against a gateway that nobody here wrote, behind a proxy that loses its answers.
@Suite("PaymentCharger", .needsPostgres, .needsPython) struct PaymentChargerTests {
    static let calls = [("/v1/payment_intents", "POST"), ("/confirm", "POST")]

    @Test func `a payment is charged once, and booked`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()

            let result = try await fixture.run(payment.job)

            #expect(result.state == "succeeded")
            let shown = try await fixture.show(payment.payment)
            #expect(shown["state"] as? String == "succeeded")
            #expect(shown["code"] is NSNull && shown["client_secret"] is NSNull)
            #expect((shown["intent"] as? String)?.hasPrefix("pi_") == true)
            #expect(shown["settled_at"] is String)
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
            #expect(try await fixture.ledger.jobs([payment.job])[payment.job]?.state == .completed)
            let counts = try await gateway.counts()
            #expect(counts.charges == 1 && counts.charged == 1999 && counts.intents == 1 && counts.keyless == 0)
            #expect(counts.requests == ["POST": 2])
        }
    }

    @Test func `yen are charged as yen`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay(500, "JPY")

            #expect(try await fixture.run(payment.job).state == "succeeded")
            #expect(try await gateway.counts().charged == 500)
            #expect(try await fixture.show(payment.payment)["decimal"] as? String == "500")
        }
    }

    @Test func `a declined card ends the job, with the gateway's reason`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let declined = try await fixture.pay(method: "pm_card_chargeCustomerFail")
            let unknown = try await fixture.pay(method: "pm_nobody_knows_it")

            #expect(try await fixture.run(declined.job).state == "declined")
            #expect(try await fixture.run(unknown.job).state == "declined")

            #expect(try await fixture.show(declined.payment)["code"] as? String == "card_declined")
            #expect(try await fixture.show(unknown.payment)["code"] as? String == "refused")
            #expect(try await fixture.ledger.jobs([declined.job])[declined.job]?.state == .completed)
            #expect(try await gateway.counts().charges == 0)
            #expect(try await fixture.balances() == [:])
        }
    }

    @Test(arguments: [true, false])
    func `a customer who has to agree is waited for, until the webhook tells`(agrees: Bool) async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let method = try await gateway.method(card: "4000002500003155")
            let payment = try await fixture.pay(method: method)

            #expect(try await fixture.run(payment.job).state == "requires_action")
            let shown = try await fixture.show(payment.payment)
            let intent = try #require(shown["intent"] as? String)
            try await gateway.authenticate(
                intent, secret: try #require(shown["client_secret"] as? String), agrees: agrees)
            try await fixture.settle(intent: intent)

            #expect(try await fixture.state(payment.payment) == (agrees ? "succeeded" : "declined"))
            #expect(try await gateway.counts().charges == (agrees ? 1 : 0))
            #expect(try await fixture.balances() == (agrees ? ["gateway": 1999, "sales": -1999] : [:]))
            #expect(try await fixture.show(payment.payment)["client_secret"] is NSNull)
        }
    }

    @Test(
        arguments: [FakeGateway.Fault.dropBefore, .dropAfter, .delay, .double, .errorAfter, .busy], [0, 1])
    func `whatever becomes of an answer, there is one charge`(fault: FakeGateway.Fault, call: Int) async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            let (path, method) = Self.calls[call]
            try await gateway.plan([(path, method, fault)])

            var result = try await fixture.run(payment.job)
            if case .failure(let error) = result, fault == .busy {
                #expect(error as? JobSignal == .snooze(.seconds(1)))
            }
            if fault == .errorAfter, call == 0 {
                // The gateway repeats its error for the key, and no intent is known: people have to look, no money has moved.
                await fixture.expectNoResult(try await fixture.runToEnd(payment.job, runsMax: 2))
                try await fixture.age(hours: 21)
                result = try await fixture.run(payment.job)
                #expect(result.state == "needs_review")
                #expect(try await gateway.counts().charges == 0)
                return
            }
            if result.state == nil { result = try await fixture.runToEnd(payment.job) }

            #expect(result.state == "succeeded")
            #expect(try await fixture.state(payment.payment) == "succeeded")
            let counts = try await gateway.counts()
            #expect(counts.charges == 1 && counts.mostOfKey == 1 && counts.keyless == 0)
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
        }
    }

    @Test func `an error that the gateway remembers, before anything was done, is left to people after 20 hours`()
        async throws
    {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            try await gateway.plan([("/confirm", "POST", .errorBefore)])
            await fixture.expectNoResult(try await fixture.runToEnd(payment.job, runsMax: 3))

            try await fixture.age(hours: 19)
            await fixture.expectNoResult(try await fixture.run(payment.job))
            try await fixture.age(hours: 2)
            #expect(try await fixture.run(payment.job).state == "needs_review")

            #expect(try await fixture.show(payment.payment)["code"] as? String == "unsettled")
            // The gateway has forgotten the key by now: whoever asked again would be charged.
            try await gateway.advance(hours: 25)
            #expect(try await fixture.run(await fixture.retry(payment.job)).state == "needs_review")
            #expect(try await gateway.counts().charges == 0)
            // What the gateway tells later still counts.
            let intent = try #require(try await fixture.show(payment.payment)["intent"] as? String)
            try await gateway.confirm(intent)
            try await fixture.settle(intent: intent)
            #expect(try await fixture.state(payment.payment) == "succeeded")
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
        }
    }

    @Test func `a gateway that is away for 20 hours leaves the payment to people`() async throws {
        try await PaymentFixture.with { fixture in
            let payment = try await fixture.pay()
            await fixture.expectNoResult(try await fixture.run(payment.job))
            try await fixture.age(hours: 21)

            #expect(try await fixture.run(payment.job).state == "needs_review")
            #expect(try await fixture.state(payment.payment) == "needs_review")
        }
    }

    @Test func `an answer that was lost is found also when the gateway has forgotten the key`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            try await gateway.plan([("/confirm", "POST", .dropAfter)])
            await fixture.expectNoResult(try await fixture.run(payment.job))

            try await gateway.advance(hours: 25)
            try await fixture.age(hours: 25)
            #expect(try await fixture.run(payment.job).state == "succeeded")

            #expect(try await gateway.counts().charges == 1)
        }
    }

    @Test func `runs that overlap confirm the same intent`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            try await gateway.plan([("/v1/payment_intents", "POST", .delay), ("/confirm", "POST", .delay)])
            let (handler, payload, context) = try await fixture.claim(payment.job)

            async let old = Result<[UInt8], any Error>.of { try await handler.run(payload, context) }
            let new = await Result<[UInt8], any Error>.of { try await fixture.run(payment.job).get() }
            let first = await old
            if first.state == nil, new.state == nil { _ = try await fixture.runToEnd(payment.job) }

            #expect(try await fixture.state(payment.payment) == "succeeded")
            #expect(try await gateway.counts().charges == 1)
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
        }
    }

    @Test func `the webhook may settle a payment before its job does`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            try await gateway.plan([("/confirm", "POST", .dropAfter)])
            await fixture.expectNoResult(try await fixture.run(payment.job))
            let intent = try #require(try await fixture.show(payment.payment)["intent"] as? String)

            try await fixture.settle(intent: intent)
            #expect(try await fixture.state(payment.payment) == "succeeded")
            #expect(try await fixture.run(payment.job).state == "succeeded")
            try await fixture.settle(intent: intent)

            #expect(try await gateway.counts().charges == 1)
            #expect(try await fixture.balances() == ["gateway": 1999, "sales": -1999])
        }
    }

    @Test func `a job that is not the payment's is dead and asks nobody`() async throws {
        try await PaymentFixture.withGateway { fixture, gateway in
            let payment = try await fixture.pay()
            let id = try #require(PaymentID(payment.payment))
            let other = try await fixture.ledger.transaction { try $0.enqueue(ChargePayment(payment: id)) }

            let result = try await fixture.run(other)

            guard case .failure(JobSignal.permanent) = result else { throw Unclaimable(verdict: "\(result)") }
            #expect(try await gateway.counts().requests.isEmpty)
        }
    }

    @Test func `a refused key is an error that names no secret`() async throws {
        try await FakeGateway.with { gateway in
            try await PaymentFixture.with(gateway, key: "rk_never_known") { fixture in
                let payment = try await fixture.pay()

                let result = try await fixture.run(payment.job)

                let error = #expect(throws: GatewayError.self) { try result.get() }
                #expect(error?.code == .misconfigured)
                #expect(error?.description.contains("never") == false)
                #expect(try await fixture.state(payment.payment) == "pending")
            }
        }
    }
}

extension PaymentFixture {
    func expectNoResult(_ result: Result<[UInt8], any Error>) async {
        #expect(throws: (any Error).self) { try result.get() }
    }

    /// As an operator's retry of a job that has ended.
    func retry(_ job: JobID) async throws -> JobID {
        _ = try await ledger.reopen(job)
        return job
    }
}

extension Result where Success: Sendable, Failure == any Error {
    static func of(_ body: () async throws -> Success) async -> Self {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
