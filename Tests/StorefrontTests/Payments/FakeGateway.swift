// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import MillraceTesting
import NIOCore
import NIOHTTP1
import Testing

@testable import Storefront

/// `scripts/lib/fake_gateway.py` as a process of a test's own.
final class FakeGateway: @unchecked Sendable {
    // The process is started by `with` and ended by it; in between it is only spoken to.
    static let python = PythonServer.folder.map { "\($0)/bin/python" }
    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../scripts/lib/fake_gateway.py")

    private let process = Process()
    private let output = FileManager.default.temporaryDirectory.appending(path: "gateway-\(UUID().uuidString)")
    private(set) var address = ""

    enum Fault: String, CaseIterable, Sendable {
        case dropBefore = "drop-before"
        case dropAfter = "drop-after"
        case delay
        case double
        case errorBefore = "error-before"
        case errorAfter = "error-after"
        case busy
        case undecided
    }

    static func with(_ body: (FakeGateway) async throws -> Void) async throws {
        let gateway = FakeGateway()
        do {
            try await gateway.start()
            try await body(gateway)
        } catch {
            gateway.end()
            throw error
        }
        gateway.end()
    }

    private func start() async throws {
        try Data().write(to: output)
        process.executableURL = URL(filePath: try #require(Self.python))
        process.arguments = [Self.script.standardizedFileURL.path()]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        await eventually(within: .seconds(60), "the gateway listens") {
            guard let text = try? String(contentsOf: self.output, encoding: .utf8), let port = Int(text.dropLast()),
                text.hasSuffix("\n")
            else { return false }
            self.address = "http://127.0.0.1:\(port)"
            return true
        }
    }

    private func end() {
        // Not by SIGTERM: a child inherits the mask of the thread that starts it, and those of the pool block most signals.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: output)
    }

    // MARK: - What a test wants of it

    /// The next requests to paths with this ending fail so, one each.
    func plan(_ faults: [(path: String, method: String, fault: Fault)]) async throws {
        let next = faults.map { ["path": $0.path, "method": $0.method, "fault": $0.fault.rawValue] }
        _ = try await send("POST", "/_control/faults", json: ["next": next, "delay": 0.3])
    }

    /// Puts its clock forward.
    func advance(hours: Int) async throws {
        _ = try await send("POST", "/_control/clock", json: ["advance": hours * 3600])
    }

    struct Counts: Sendable {
        let charges: Int
        let charged: Int
        let refunds: Int
        let refunded: Int
        let intents: Int
        let keyless: Int
        /// The largest number of charges, or refunds, that one key has brought about.
        let mostOfKey: Int
        let requests: [String: Int]
    }

    func counts() async throws -> Counts {
        let json = try await send("GET", "/_control/counts")
        func number(_ name: String) throws -> Int { try #require(json[name] as? Int) }
        let charges = try #require(json["charges_by_key"] as? [String: Int])
        let refunds = try #require(json["refunds_by_key"] as? [String: Int])
        return Counts(
            charges: try number("charges"), charged: try number("charged"), refunds: try number("refunds"),
            refunded: try number("refunded"), intents: try number("intents"), keyless: try number("keyless"),
            mostOfKey: (Array(charges.values) + refunds.values).max() ?? 0,
            requests: try #require(json["requests"] as? [String: Int]))
    }

    /// Its names for the refunds that it made.
    func refundNames() async throws -> [String] {
        let refunds = try await send("GET", "/v1/refunds")["data"] as? [[String: Any]]
        return try #require(refunds).compactMap { $0["id"] as? String }
    }

    func status(of intent: String) async throws -> String? {
        try await send("GET", "/v1/payment_intents/\(intent)")["status"] as? String
    }

    // MARK: - What a customer does

    /// A token for one of the gateway's test cards.
    func method(card: String) async throws -> String {
        let form =
            "type=card&card%5Bnumber%5D=\(card)&card%5Bexp_month%5D=12&card%5Bexp_year%5D=2030&card%5Bcvc%5D=123"
        return try #require(try await send("POST", "/v1/payment_methods", form: form)["id"] as? String)
    }

    func authenticate(_ intent: String, secret: String, agrees: Bool) async throws {
        let form = "client_secret=\(secret)&success=\(agrees)"
        _ = try await send("POST", "/v1/payment_intents/\(intent)/_authenticate", form: form)
    }

    func confirm(_ intent: String) async throws {
        _ = try await send("POST", "/v1/payment_intents/\(intent)/confirm", form: "")
    }

    private func send(
        _ method: String, _ path: String, json: [String: Any]? = nil, form: String = ""
    ) async throws -> [String: Any] {
        var request = HTTPClientRequest(url: address + path)
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "Authorization", value: "Bearer sk_test_12345")
        if let json {
            request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: json)))
            request.headers.add(name: "Content-Type", value: "application/json")
        } else if method == "POST" {
            request.body = .bytes(ByteBuffer(string: form))
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = Data(try await answer.body.collect(upTo: 1 << 24).readableBytesView)
        try #require(answer.status == .ok, "\(path): \(String(decoding: body, as: UTF8.self))")
        return try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
    }
}
