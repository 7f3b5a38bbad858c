// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres
import PostgresDriver
import Testing

@testable import Storefront

/// The shop with a database of its own, asked as the API and as a worker ask it.
struct OrderFixture: ApplicationFixture {
    let payments: PaymentFixture
    /// The token of a session of `ana@example.org`.
    let ana: String

    var database: PhotoDatabase { payments.database }
    var ledger: PostgresLedger { payments.ledger }
    var table: RouteTable { payments.table }
    var handlers: JobHandlers { payments.handlers }

    /// - Parameter gateway: nil for one that nobody asks.
    static func with(_ gateway: FakeGateway? = nil, _ body: (OrderFixture) async throws -> Void) async throws {
        try await PhotoDatabase.with { ledger, database in
            let payments = Payments(
                GatewayConfiguration(
                    address: gateway?.address ?? "http://127.0.0.1:9", key: Secret("sk_test_12345"),
                    webhookSecret: Secret(PaymentFixture.webhookSecret)))
            let orders = Orders(payments: payments)
            var handlers = JobHandlers()
            payments.register(in: &handlers)
            orders.register(in: &handlers)
            let routes =
                CatalogRoutes(ledger: ledger).routes + orders.routes(ledger: ledger) + payments.routes(ledger: ledger)
            let table = RouteTable(
                routes: routes, keys: Nobody(), users: Sessions(ledger: ledger, logger: PhotoDatabase.logger))
            let shop = PaymentFixture(database: database, ledger: ledger, table: table, handlers: handlers)
            try await body(OrderFixture(payments: shop, ana: try await Self.logIn("ana@example.org", ledger)))
        }
    }

    /// With a gateway of its own.
    static func withGateway(_ body: (OrderFixture, FakeGateway) async throws -> Void) async throws {
        try await FakeGateway.with { gateway in
            try await with(gateway) { fixture in try await body(fixture, gateway) }
        }
    }

    /// Makes an account, whose password nobody knows.
    /// - Returns: the token of a session.
    func logIn(_ email: String) async throws -> String { try await Self.logIn(email, ledger) }

    private static func logIn(_ email: String, _ ledger: PostgresLedger) async throws -> String {
        let address = try EmailAddress(email)
        let token = SecretToken(.session)
        try await ledger.transaction { transaction in
            let user = try #require(
                try AccountRows.insert(email: address, name: "Ana", password: .nobodys, in: transaction))
            _ = try AccountRows.openSession(token, of: user.id, in: transaction)
        }
        return token.text
    }

    // MARK: - As the shop's people

    func stock(_ id: String, _ stock: Int, price: Int = 450, currency: String = "EUR") async throws {
        try await database.run(
            """
            INSERT INTO storefront.products (id, name, price, currency, stock)
            VALUES ('\(id)', 'Some \(id)', \(price), '\(currency)', \(stock))
            """)
    }

    func left(_ id: String) async throws -> Int {
        try await database.count("SELECT stock FROM storefront.products WHERE id = '\(id)'")
    }

    // MARK: - As a client

    struct Accepted: Sendable {
        let order: String
        let payment: String
        let job: JobID
    }

    func ask(_ method: HTTPRequest.Method, _ path: String, as token: String?) async throws -> Reply {
        try await send(method, path, token: token ?? "none")
    }

    func post(_ path: String = "/v1/orders", json: String, as token: String?, key: String? = nil) async throws -> Reply
    {
        var headers: HTTPFields = [:]
        if let key { headers[try #require(HTTPField.Name("Idempotency-Key"))] = key }
        return try await post(path, token: token ?? "none", json: json, headers: headers)
    }

    static func body(_ lines: [(String, Int)], method: String = "pm_card_visa") -> String {
        let lines = lines.map { #"{"product":"\#($0.0)","quantity":\#($0.1)}"# }
        return #"{"lines":[\#(lines.joined(separator: ","))],"payment_method":"\#(method)"}"#
    }

    /// Orders as Ana.
    func order(_ lines: [(String, Int)], method: String = "pm_card_visa") async throws -> Accepted {
        try Self.accepted(try await post(json: Self.body(lines, method: method), as: ana))
    }

    static func accepted(_ reply: Reply) throws -> Accepted {
        try #require(reply.status == 202, "\(String(decoding: reply.body, as: UTF8.self))")
        func id(_ name: String) throws -> String? { (try reply.json[name] as? [String: String])?["id"] }
        return Accepted(
            order: try #require(try id("order")), payment: try #require(try id("payment")),
            job: try #require(try id("job").flatMap { JobID($0) }))
    }

    func show(_ order: String) async throws -> [String: Any] {
        try await ask(.get, "/v1/orders/\(order)", as: ana).json
    }

    /// Of the order, and of its payment.
    func states(_ order: String) async throws -> [String?] {
        let shown = try await show(order)
        return [shown["state"] as? String, (shown["payment"] as? [String: Any])?["state"] as? String]
    }

    // MARK: - As a worker

    /// The jobs of a kind that have not ended.
    func jobs(_ kind: String) async throws -> [JobID] {
        try await database.run(
            "SELECT id FROM millrace.jobs WHERE kind = '\(kind)' AND state NOT IN ('completed', 'dead') ORDER BY id"
        ).rows.map { try #require(JobID(bytes: try $0.uuid(0))) }
    }

    /// Runs the one job of a kind that has not ended; what its result says.
    func runOne(_ kind: String) async throws -> Result<[UInt8], any Error> {
        let jobs = try await jobs(kind)
        try #require(jobs.count == 1, "\(kind): \(jobs)")
        return try await payments.run(jobs[0])
    }

    /// Lets the time go by that a job was to wait.
    func letWaitEnd(_ kind: String) async throws {
        try await makeDue(kind)
        try await age(hours: 1)
    }

    /// Lets a job be run at once that was to wait.
    func makeDue(_ kind: String) async throws {
        try await database.run(
            "UPDATE millrace.job_rows SET due_at = now() - interval '1 second' WHERE kind = '\(kind)'")
    }

    /// Lets time go by since the orders were made.
    func age(hours: Int) async throws {
        try await database.run("UPDATE storefront.orders SET created_at = created_at - interval '\(hours) hours'")
    }

    // MARK: - As an auditor

    func count(_ rows: String) async throws -> Int { try await database.count("SELECT count(*) FROM \(rows)") }
}
