// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI
import MillraceTesting
import Testing

@Suite("Stores that are away") struct OutageTests {
    private static let absent = "01900000-0000-7000-8000-000000000000"
    private static let job = Array(#"{"kind":"test.any","payload":0}"#.utf8)
    /// What needs the ledger.
    private static let requests: [(String, String, [UInt8]?)] = [
        ("POST", "/v1/jobs", job), ("POST", "/v1/jobs?wait=20s", job),
        ("POST", "/v1/jobs:batch", Array("[".utf8) + job + Array("]".utf8)), ("GET", "/v1/jobs", nil),
        ("GET", "/v1/jobs/\(absent)", nil), ("GET", "/v1/jobs/\(absent)/result", nil),
        ("GET", "/v1/jobs/\(absent)/result?wait=20s", nil), ("POST", "/v1/jobs/\(absent)/cancel", nil),
        ("POST", "/v1/jobs/\(absent)/retry", nil), ("GET", "/v1/queues", nil), ("GET", "/v1/pools", nil),
    ]

    private static func refuseAll(_ api: APIFixture) async throws {
        for (method, path, body) in requests {
            let start = ContinuousClock.now
            let reply = try await api.client.send(method, path, [("Content-Type", "application/json")], body)
            let elapsed = ContinuousClock.now - start

            #expect(reply.status == 503, "\(method) \(path): \(reply.text)")
            #expect(reply.json?["type"]?.string == "/problems/unavailable", "\(method) \(path)")
            #expect(reply.headers["retry-after"] == "1", "\(method) \(path)")
            // A second is what is promised; the rest is for a machine that runs all tests at the same time.
            #expect(elapsed < .seconds(4), "\(method) \(path) took \(elapsed)")
        }
    }

    @Test func `without the ledger every request that needs it is told 503`() async throws {
        try await APIFixture.run { api in
            api.ledger.takeAway()

            try await Self.refuseAll(api)

            api.ledger.bringBack()
            _ = try await api.submit()
        }
    }

    @Test func `a ledger that hangs costs no more than a second`() async throws {
        let hung = Box<StallingLedger?>(nil)
        try await APIFixture.run(
            wrapLedger: { base in
                let ledger = StallingLedger(base)
                hung.value = ledger
                return ledger
            }
        ) { api in
            hung.value?.stall()

            try await Self.refuseAll(api)

            hung.value?.resume()
            _ = try await api.submit()
        }
    }

    @Test func `a broker that hangs costs a submission half a second`() async throws {
        let hung = Box<CountingBroker?>(nil)
        try await APIFixture.run(
            wrapBroker: { base in
                let broker = CountingBroker(base)
                hung.value = broker
                return broker
            }
        ) { api in
            hung.value?.stall()
            let start = ContinuousClock.now

            let reply = try await api.client.send(json: #"{"kind":"test.any","payload":0}"#)
            #expect(reply.status == 202)
            // Half a second, and what a machine needs that runs all tests at the same time.
            #expect(ContinuousClock.now - start < .seconds(4))

            for path in ["/v1/queues", "/v1/workers"] {
                #expect(try await api.client.send("GET", path).status == 503)
            }
            let id = try #require(reply.json?["id"]?.string)
            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/cancel").status == 200)
            let ready = try await api.client.send("GET", "/readyz")
            #expect(ready.status == 200)
            #expect(ready.text == #"{"ready":true,"ledger":"ok","broker":"away"}"#)
        }
    }

    @Test func `readiness is the ledger's, and says what is away`() async throws {
        try await APIFixture.run { api in
            #expect(try await api.client.send("GET", "/readyz").text == #"{"ready":true,"ledger":"ok","broker":"ok"}"#)

            api.ledger.takeAway()
            let reply = try await api.client.send("GET", "/readyz")
            #expect(reply.status == 503)
            #expect(reply.text == #"{"ready":false,"ledger":"away","broker":"ok"}"#)
            #expect(reply.headers["retry-after"] == "1")
            #expect(try await api.client.send("GET", "/livez").status == 200)
        }
    }

    @Test(arguments: [
        (LedgerError.Code.unavailable, 503, "unavailable"), (.outcomeUnknown, 503, "unavailable"),
        (.overloaded, 503, "overloaded"), (.rejected, 422, "invalid-field"), (.keyReused, 422, "key-reused"),
        (.keyInFlight, 409, "key-in-flight"), (.schemaUnknown, 503, "unavailable"),
        (.misconfigured, 503, "unavailable"),
        (.protocolViolation, 500, "internal-error"),
    ])
    func `every refusal of the ledger has its answer`(_ code: LedgerError.Code, _ status: Int, _ type: String)
        async throws
    {
        try await APIFixture.run { api in
            api.ledger.fail(.accept, times: 2, with: LedgerError(code, "secret of the store"))

            let reply = try await api.client.send(json: #"{"kind":"test.any","payload":0}"#)

            #expect(reply.status == status)
            #expect(reply.json?["type"]?.string == "/problems/\(type)")
            #expect(code == .rejected || !reply.text.contains("secret"))
        }
    }

    @Test func `an error of no known reason is logged with the request's id`() async throws {
        let log = CountingLogger()
        try await APIFixture.run(logger: log.logger) { api in
            api.ledger.fail(.accept, with: LedgerError(.protocolViolation, "seventeen columns"))

            let reply = try await api.client.send(
                json: #"{"kind":"test.any","payload":0}"#, [("X-Request-Id", "req-17")])

            #expect(reply.headers["x-request-id"] == "req-17")
            let line = try #require(log.lines.first { $0.level == .error })
            #expect(line.metadata["millrace.request.id"] == "req-17")
            #expect(line.metadata["error"]?.description.contains("seventeen columns") == true)
        }
    }
}
