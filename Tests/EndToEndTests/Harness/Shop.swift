// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A mill whose shop is open: an API and workers that may be killed, and customers who insist on an answer.
struct Shop {
    let mill: Mill
    private let gateway: FakeGateway

    init(_ mill: Mill, gateway: FakeGateway, workers: Int = 2) async throws {
        (self.mill, self.gateway) = (mill, gateway)
        try startAPI()
        try await mill.expectReady()
        for _ in 0..<workers { try startWorker() }
    }

    private func startAPI() throws {
        try mill.start("serve", ["serve", "--port", "\(mill.port)"], environment: gateway.environment)
    }

    private func startWorker() throws {
        try mill.start(
            "work", ["work", "--queues", "payments,email", "--concurrency", "8"],
            environment: gateway.environment)
    }

    /// Kills a process and starts another in its place: the API, or one of the workers, as chance has it.
    func killOne(using generator: inout some RandomNumberGenerator) async throws {
        guard
            let victim = mill.children.filter(\.isRunning).filter({ $0.name != "gateway" })
                .randomElement(using: &generator)
        else { return }
        victim.signal(SIGKILL)
        // The port has to be free.
        #expect(await victim.exitCode(within: 20) == -SIGKILL)
        if victim.name == "serve" { try startAPI() } else { try startWorker() }
    }

    // MARK: - Its people

    func stock(_ product: String, _ stock: Int, price: Int) async throws {
        _ = try await mill.stores.rows(
            """
            INSERT INTO storefront.products (id, name, price, currency, stock)
            VALUES ('\(product)', 'Some \(product)', \(price), 'EUR', \(stock))
            """)
    }

    /// Makes accounts whose passwords nobody knows; the token of a session of each.
    func logIn(_ count: Int) async throws -> [String] {
        let token = "'ms_' || lpad(number::text, 43, '-')"
        _ = try await mill.stores.rows(
            """
            WITH account AS (
                INSERT INTO storefront.users (id, email, name, password_hash)
                SELECT gen_random_uuid(), number || '@example.org', 'Ana', '$argon2id$'
                FROM generate_series(1, \(count)) AS number
                RETURNING id, split_part(email, '@', 1) AS number
            )
            INSERT INTO storefront.sessions (digest, user_id, expires_at)
            SELECT sha256(convert_to(\(token), 'UTF8')), id, now() + interval '1 hour'
            FROM account
            """)
        return (1...count).map { number in
            "ms_" + String(repeating: "-", count: 43 - "\(number)".count) + "\(number)"
        }
    }

    // MARK: - Its customers

    enum Answer: Equatable {
        case accepted(order: String)
        case outOfStock
    }

    /// Orders until somebody answers, always with the same key.
    func order(_ lines: [(String, Int)], as token: String, key: String) async throws -> Answer {
        let lines = lines.map { #"{"product":"\#($0.0)","quantity":\#($0.1)}"# }.joined(separator: ",")
        let body = #"{"lines":[\#(lines)],"payment_method":"pm_card_visa"}"#
        let headers = ["Authorization": "Bearer \(token)", "Idempotency-Key": key]
        var found: Answer?
        _ = try await eventually(within: .seconds(180), every: .milliseconds(200)) {
            guard
                let answer = try? await mill.request("POST", "/v1/orders", body, headers: headers, timeout: 10)
            else { return false }
            switch (answer.status, answer.json["type"] as? String) {
            case (202, _):
                let order = (answer.json["order"] as? [String: String])?["id"]
                found = .accepted(order: try #require(order))
            case (409, "/problems/out-of-stock"): found = .outOfStock
            case (409, "/problems/key-in-flight"), (503, _): return false
            default:
                throw Mill.Refused(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
            }
            return true
        }
        return try #require(found, "nobody answers")
    }

    /// The mails that were written, by the ids of their jobs.
    var mails: [String: String] {
        let folder = mill.stores.folder.appending(path: ".millrace/mail/new")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return Dictionary(
            uniqueKeysWithValues: files.map { file in
                (file.lastPathComponent, (try? String(contentsOf: file, encoding: .utf8)) ?? "")
            })
    }
}
