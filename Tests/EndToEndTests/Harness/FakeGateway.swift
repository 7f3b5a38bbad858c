// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// `scripts/lib/fake_gateway.py` as a process of a test's own: it ends with the test.
final class FakeGateway: Sendable {
    static let secretKey = "sk_test_nobody_may_see_this"
    static let webhookSecret = "whsec_nobody_may_see_this"
    static let python = ProcessInfo.processInfo.environment["MILLRACE_TEST_PYTHON"].map { "\($0)/bin/python" }

    private let process: Child
    private let address: String

    init(logFolder: URL) async throws {
        let process = try Child(
            "gateway", URL(filePath: try #require(Self.python)),
            [Repository.root.appending(path: "scripts/lib/fake_gateway.py").path()], environment: [:],
            logFolder: logFolder)
        _ = await eventually(within: .seconds(60)) { process.log.contains("\n") }
        let port = try #require(Int(process.log.prefix { $0 != "\n" }), "\(process.log)")
        self.process = process
        address = "http://127.0.0.1:\(port)"
    }

    /// What tells a mill's processes of it.
    var environment: [String: String] {
        [
            "STRIPE_SECRET_KEY": Self.secretKey, "STRIPE_WEBHOOK_SECRET": Self.webhookSecret,
            "STRIPE_API_BASE": address,
        ]
    }

    /// - Parameter rates: how often each fault comes, out of 1.
    func fail(_ rates: [String: Double], seed: Int = 0) async throws {
        _ = try await send("POST", "/_control/faults", ["rates": rates, "delay": 1.0, "seed": seed])
    }

    /// Has each event delivered twice, at any time, until it is taken.
    func deliverEvents(to mill: Mill) async throws {
        _ = try await send(
            "POST", "/_control/webhooks",
            [
                "url": "http://127.0.0.1:\(mill.port)/v1/webhooks/stripe", "secret": Self.webhookSecret,
                "double": true,
            ])
    }

    struct Counts {
        let charges: Int
        let charged: Int
        let refunds: Int
        let refunded: Int
        let keyless: Int
        /// What each idempotency key has brought about.
        let byKey: [String: Int]
        let faults: [String: Int]
    }

    func counts() async throws -> Counts {
        let json = try await send("GET", "/_control/counts", nil)
        func number(_ name: String) throws -> Int { try #require(json[name] as? Int) }
        let charges = try #require(json["charges_by_key"] as? [String: Int])
        let refunds = try #require(json["refunds_by_key"] as? [String: Int])
        return Counts(
            charges: try number("charges"), charged: try number("charged"), refunds: try number("refunds"),
            refunded: try number("refunded"), keyless: try number("keyless"),
            byKey: charges.merging(refunds) { $0 + $1 }, faults: try #require(json["faults"] as? [String: Int]))
    }

    private func send(_ method: String, _ path: String, _ json: [String: Any]?) async throws -> [String: Any] {
        var request = HTTPClientRequest(url: address + path)
        request.method = HTTPMethod(rawValue: method)
        if let json {
            request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: json)))
            request.headers.add(name: "Content-Type", value: "application/json")
        }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = Data(try await answer.body.collect(upTo: 1 << 24).readableBytesView)
        try #require(answer.status == .ok, "\(path): \(String(decoding: body, as: UTF8.self))")
        return try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
    }
}
