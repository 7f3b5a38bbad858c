// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdCore
import Millrace
import NIOCore
import PostgresDriver
import Synchronization
import Testing

@testable import Storefront

@Suite("WebhookRoute", .needsPostgres) struct WebhookRouteTests {
    @Test func `an event becomes one job, however often it comes`() async throws {
        try await PaymentFixture.with { fixture in
            let event = PaymentFixture.event("evt_1", object: "payment_intent", "pi_1")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.event(event).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let other = try await fixture.event(PaymentFixture.event("evt_2", object: "payment_intent", "pi_1"))

            #expect(statuses == Array(repeating: 200, count: 8))
            #expect(other.status == 200)
            #expect(try await fixture.eventJobs().count == 2)
        }
    }

    @Test func `what is not signed with the secret, or long ago, is refused and leaves nothing`() async throws {
        try await PaymentFixture.with { fixture in
            let event = PaymentFixture.event("evt_1", object: "payment_intent", "pi_1")
            let now = Timestamp.now().unixMilliseconds / 1000

            let replies = [
                try await fixture.event(event, secret: "whsec_other"), try await fixture.event(event, at: now - 301),
                try await fixture.event(event, at: now + 400),
                try await fixture.post("/v1/webhooks/stripe", json: event),
            ]

            for reply in replies {
                #expect(reply.status == 400)
                #expect(try reply.json["type"] as? String == "/problems/invalid-signature")
            }
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.gateway_events") == 0)
            #expect(try await fixture.eventJobs().isEmpty)
        }
    }

    @Test func `a clock that is wrong is told of, and by no stranger's words`() async throws {
        try await PaymentFixture.with { fixture in
            let event = PaymentFixture.event("evt_1", object: "payment_intent", "pi_1")
            let long = Timestamp.now().unixMilliseconds / 1000 - 7200
            let log = LogLines()

            let forged = try await fixture.event(event, secret: "whsec_other", at: long, logger: log.logger)
            #expect(forged.status == 400)
            #expect(log.all.isEmpty)
            let refused = try await fixture.event(event, at: long, logger: log.logger)

            #expect(refused.status == 400)
            #expect(log.all.count == 1)
            #expect(log.all.first?.hasPrefix("warning a webhook that is signed") == true)
            #expect(try await fixture.eventJobs().isEmpty)
        }
    }

    @Test func `what is not signed is refused before its body is read`() async throws {
        try await PaymentFixture.with { fixture in
            let started = Mutex(false)
            let body = RequestBody(
                asyncSequence: AsyncStream<ByteBuffer>(unfolding: {
                    started.withLock { $0 = true }
                    return nil
                }))
            let reply = try await fixture.send(
                .post, "/v1/webhooks/stripe", headers: [.contentLength: "200000"], body: body)

            #expect(reply.status == 400)
            #expect(!started.withLock { $0 })
        }
    }

    @Test(arguments: [
        PaymentFixture.event("evt_1", object: "customer", "cus_1"),
        PaymentFixture.event("evt_1", object: "refund", "re_1"),
        PaymentFixture.event("evt_1", object: "payment_intent", "../customers"),
        PaymentFixture.event("evt_1", object: "refund", "re_1", refund: "not an id"),
    ])
    func `what does not concern a payment is taken, and no more`(event: String) async throws {
        try await PaymentFixture.with { fixture in
            let reply = try await fixture.event(event)

            #expect(reply.status == 200)
            #expect(try await fixture.eventJobs().isEmpty)
        }
    }

    @Test(arguments: [
        "{}", "[]", "no JSON", #"{"id":"evt_1","type":"x"}"#, #"{"id":"pi_1","type":"x","data":{"object":{}}}"#,
    ])
    func `what is no event is refused`(body: String) async throws {
        try await PaymentFixture.with { fixture in
            let reply = try await fixture.event(body)

            #expect(reply.status == 400)
        }
    }

    @Test func `an event that is too old to come again is forgotten`() async throws {
        try await PaymentFixture.with { fixture in
            _ = try await fixture.event(PaymentFixture.event("evt_1", object: "payment_intent", "pi_1"))
            try await fixture.database.run(
                "UPDATE storefront.gateway_events SET received_at = now() - interval '31 days'")
            _ = try await fixture.event(PaymentFixture.event("evt_2", object: "payment_intent", "pi_2"))

            let left = try await fixture.database.run("SELECT id FROM storefront.gateway_events").rows.map {
                try $0.text(0)
            }
            #expect(left == ["evt_2"])
        }
    }
}
