// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import NIOCore
import PostgresDriver
import Testing

@testable import Storefront

/// Payments with a database of their own, asked as the API and as a worker ask them.
struct PaymentFixture: ApplicationFixture {
    static let webhookSecret = "whsec_test"

    let database: PhotoDatabase
    let ledger: PostgresLedger
    let table: RouteTable
    let handlers: JobHandlers

    /// - Parameter gateway: nil for one that nobody asks.
    static func with(
        _ gateway: FakeGateway? = nil, key: String = "sk_test_12345", _ body: (PaymentFixture) async throws -> Void
    ) async throws {
        try await PhotoDatabase.with { ledger, database in
            let payments = Payments(
                GatewayConfiguration(
                    address: gateway?.address ?? "http://127.0.0.1:9", key: Secret(key),
                    webhookSecret: Secret(webhookSecret)))
            var handlers = JobHandlers()
            payments.register(in: &handlers)
            try await body(
                PaymentFixture(
                    database: database, ledger: ledger,
                    table: RouteTable(
                        routes: payments.routes(ledger: ledger), keys: ClientOfQueue("payments")),
                    handlers: handlers))
        }
    }

    /// With a gateway of its own.
    static func withGateway(_ body: (PaymentFixture, FakeGateway) async throws -> Void) async throws {
        try await FakeGateway.with { gateway in
            try await with(gateway) { fixture in try await body(fixture, gateway) }
        }
    }

    // MARK: - As a client

    struct Accepted: Sendable {
        let payment: String
        let refund: String?
        let job: JobID
    }

    func pay(_ amount: Int = 1999, _ currency: String = "EUR", method: String = "pm_card_visa") async throws -> Accepted
    {
        try Self.accepted(
            try await post(
                "/v1/payments", json: #"{"amount":\#(amount),"currency":"\#(currency)","payment_method":"\#(method)"}"#)
        )
    }

    func refund(_ payment: String, _ amount: Int?) async throws -> Accepted {
        let amount = amount.map { #","amount":\#($0)"# } ?? ""
        return try Self.accepted(try await post("/v1/refunds", json: #"{"payment":"\#(payment)"\#(amount)}"#))
    }

    static func accepted(_ reply: Reply) throws -> Accepted {
        try #require(reply.status == 202, "\(String(decoding: reply.body, as: UTF8.self))")
        func id(_ name: String) throws -> String? { (try reply.json[name] as? [String: String])?["id"] }
        return Accepted(
            payment: try #require(try id("payment")), refund: try id("refund"),
            job: try #require(try id("job").flatMap { JobID($0) }))
    }

    func show(_ payment: String) async throws -> [String: Any] {
        try await send(.get, "/v1/payments/\(payment)").json
    }

    func state(_ payment: String) async throws -> String? { try await show(payment)["state"] as? String }

    // MARK: - As the gateway

    func event(
        _ json: String, secret: String = webhookSecret, at time: Int64 = Timestamp.now().unixMilliseconds / 1000,
        logger: Logger = PhotoDatabase.logger
    ) async throws -> Reply {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(time).\(json)".utf8), using: SymmetricKey(data: Array(secret.utf8)))
        let signature = code.map { String(format: "%02x", $0) }.joined()
        return try await post(
            "/v1/webhooks/stripe", json: json,
            headers: [try #require(HTTPField.Name("Stripe-Signature")): "t=\(time),v1=\(signature)"],
            logger: logger)
    }

    /// The jobs of the events that were taken and have not run.
    func eventJobs() async throws -> [JobID] {
        try await database.run(
            "SELECT id FROM millrace.jobs WHERE kind = 'payments.webhook' AND state NOT IN ('completed', 'dead') ORDER BY id"
        ).rows.map { try #require(JobID(bytes: try $0.uuid(0))) }
    }

    /// Takes an event of an intent, and runs its job.
    func settle(intent: String, event: String = "evt_\(UInt64.random(in: 1...UInt64.max))") async throws {
        let reply = try await self.event(Self.event(event, object: "payment_intent", intent))
        #expect(reply.status == 200)
        for job in try await eventJobs() { _ = try await run(job).get() }
    }

    static func event(_ id: String, object: String, _ subject: String, refund: String = "") -> String {
        #"{"id":"\#(id)","type":"\#(object).updated","data":{"object":{"id":"\#(subject)","object":"\#(object)","#
            + #""metadata":{"millrace_refund":"\#(refund)"}}}}"#
    }

    // MARK: - As a worker

    /// Runs one attempt of a job, and records its failure as one that may be repeated at once.
    func run(_ id: JobID) async throws -> Result<[UInt8], any Error> {
        let (handler, payload, context) = try await claim(id)
        do {
            return .success(try await handler.run(payload, context))
        } catch {
            let retry = Outcome(id: id, attempt: context.attempt, ending: .retry(after: .zero, error: "\(error)"))
            _ = try await ledger.record([retry])
            return .failure(error)
        }
    }

    /// Runs a job again and again, as its retries do; what it ended with, or the last error.
    func runToEnd(_ id: JobID, runsMax: Int = 6) async throws -> Result<[UInt8], any Error> {
        var last: Result<[UInt8], any Error> = .failure(Unclaimable(verdict: "never run"))
        for _ in 0..<runsMax {
            last = try await run(id)
            if case .success = last { return last }
        }
        return last
    }

    // MARK: - As an auditor

    /// Accounts and their balances, debits less credits.
    func balances() async throws -> [String: Int] {
        let rows = try await database.run(
            "SELECT account, (sum(debit) - sum(credit))::bigint FROM storefront.entries GROUP BY account"
        ).rows
        return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.text(0), try $0.integer(1)) })
    }

    /// Makes of a payment one that has succeeded, without a gateway.
    func charge(_ id: String) async throws {
        let payment = try #require(PaymentID(id))
        try await ledger.transaction { transaction in
            try PaymentRows.change(payment, to: .succeeded, code: nil, clientSecret: nil, in: transaction)
            try PaymentRows.book(payment, in: transaction)
        }
    }

    /// Lets time go by since the gateway was first asked.
    func age(hours: Int) async throws {
        for table in ["payments", "refunds"] {
            try await database.run("UPDATE storefront.\(table) SET asked_at = asked_at - interval '\(hours) hours'")
        }
    }
}

extension Result<[UInt8], any Error> {
    /// The state that a job's result names.
    var state: String? {
        guard case .success(let bytes) = self else { return nil }
        return (try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])?["state"] as? String
    }
}
