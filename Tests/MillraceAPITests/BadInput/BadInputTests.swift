// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

/// Runs the table of bad input against a server with stores in memory, or, with `MILLRACE_TEST_API_PORT` in the
/// environment, against whatever server listens on that port of 127.0.0.1 and takes the key `MILLRACE_TEST_API_KEY`.
@Suite("Bad input") struct BadInputTests {
    private static let key = ProcessInfo.processInfo.environment["MILLRACE_TEST_API_KEY"]
    private static let port = ProcessInfo.processInfo.environment["MILLRACE_TEST_API_PORT"].flatMap { Int($0) }

    @Test func `every entry of the table is refused as it says`() async throws {
        if let port = Self.port {
            try await Self.refuseAll(HTTPClient(port: port, key: Self.key), BadInputTable.all.filter { !$0.needsPool })
        } else {
            try await APIFixture.run { api in try await Self.refuseAll(api.client, BadInputTable.all) }
        }
    }

    private static func refuseAll(_ client: HTTPClient, _ inputs: [BadInput]) async throws {
        #expect(inputs.count >= 80)
        for input in inputs { try await refuse(client, input) }
        #expect(try await client.send("GET", "/livez").status == 200)
    }

    private static func refuse(_ client: HTTPClient, _ input: BadInput) async throws {
        let reply: Reply
        do {
            reply =
                if let raw = input.raw {
                    try await client.send(raw: Array(raw.replacing("{key}", with: client.key ?? "").utf8))
                } else {
                    try await client.send(input.method, input.path, input.headers, input.body)
                }
        } catch {
            Issue.record("\(input): \(error)")
            return
        }
        #expect(reply.status == input.status, "\(input): \(reply.text)")
        guard let type = input.type else { return }
        #expect(reply.headers["content-type"] == "application/problem+json", "\(input)")
        #expect(reply.json?["type"]?.string == "/problems/\(type)", "\(input): \(reply.text)")
        #expect(reply.json?["status"]?.int == input.status, "\(input)")
        #expect(reply.json?["title"]?.string?.isEmpty == false, "\(input)")
        #expect(reply.json?["detail"]?.string?.isEmpty == false, "\(input)")
        #expect(reply.headers["x-request-id"]?.isEmpty == false, "\(input)")
        #expect(isToldAt(input.place, reply), "\(input): \(reply.text.prefix(600))")
        if let says = input.says { #expect(reply.text.contains(says), "\(input): \(reply.text.prefix(600))") }
    }

    private static func isToldAt(_ place: BadInput.Place, _ reply: Reply) -> Bool {
        let errors = reply.json?["errors"]?.elements ?? []
        return switch place {
        case .nowhere: errors.isEmpty
        case .pointer(let pointer): errors.contains { $0["pointer"]?.string == pointer }
        case .parameter(let name): errors.contains { $0["parameter"]?.string == name }
        case .header(let name): errors.contains { $0["header"]?.string == name }
        case .line(let line, let pointer):
            errors.contains { $0["pointer"]?.string == pointer && $0["line"]?.int == line }
        }
    }
}
