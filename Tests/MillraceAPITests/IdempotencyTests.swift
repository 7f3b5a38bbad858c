// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import MillraceAPI

@Suite("Idempotency-Key") struct IdempotencyTests {
    private static let job = #"{"kind":"test.any","payload":0}"#

    @Test(arguments: [("/v1/jobs", job), ("/v1/jobs:batch", "[\(job),\(job)]")])
    func `a repetition gets the first answer byte for byte, and makes no job`(_ path: String, _ body: String)
        async throws
    {
        try await APIFixture.run { api in
            let key = [("Idempotency-Key", "order-17!")]

            let first = try await api.client.send(json: body, to: path, key)
            let second = try await api.client.send(json: body, to: path, key)

            #expect(first.status == 202)
            #expect(first.headers["idempotent-replayed"] == nil)
            #expect(second.status == 202)
            #expect(second.headers["idempotent-replayed"] == "true")
            #expect(second.body == first.body)
            #expect(second.headers["location"] == first.headers["location"])
            #expect(try await api.ledger.list(JobQuery()).jobs.count == (path == "/v1/jobs" ? 1 : 2))
        }
    }

    @Test func `the keys of two callers never meet`() async throws {
        try await APIFixture.run { api in
            let header = [("Idempotency-Key", "order-17")]
            let other = try await api.client([.submit])

            let first = try await api.client.send(json: Self.job, header)
            let second = try await other.send(json: Self.job, header)

            #expect(second.status == 202)
            #expect(second.headers["idempotent-replayed"] == nil)
            #expect(first.json?["id"]?.string != second.json?["id"]?.string)
            #expect(try await other.send(json: Self.job, header).headers["idempotent-replayed"] == "true")
        }
    }

    @Test func `the key of another body or path is refused`() async throws {
        try await APIFixture.run { api in
            let key = [("Idempotency-Key", "k")]
            _ = try await api.client.send(json: Self.job, key)

            let otherBody = try await api.client.send(json: Self.job + " ", key)
            let otherPath = try await api.client.send(json: "[\(Self.job)]", to: "/v1/jobs:batch", key)

            for reply in [otherBody, otherPath] {
                #expect(reply.status == 422)
                #expect(reply.json?["type"]?.string == "/problems/key-reused")
            }
        }
    }

    @Test func `a key in flight is a conflict`() async throws {
        try await APIFixture.run { api in
            api.ledger.fail(.accept, with: LedgerError(.keyInFlight, "being written"))

            let reply = try await api.client.send(json: Self.job, [("Idempotency-Key", "k")])

            #expect(reply.status == 409)
            #expect(reply.json?["type"]?.string == "/problems/key-in-flight")
            #expect(reply.headers["retry-after"] == "1")
        }
    }

    @Test func `a submission whose commit was not confirmed is tried again with its ids`() async throws {
        try await APIFixture.run { api in
            api.ledger.fail(.accept, .afterEffect, with: LedgerError(.outcomeUnknown, "cut off at the commit"))

            let reply = try await api.client.send(json: Self.job, [("Idempotency-Key", "k")])

            #expect(reply.status == 202)
            #expect(reply.headers["idempotent-replayed"] == nil)
            #expect(try await api.ledger.list(JobQuery()).jobs.count == 1)
        }
    }

    @Test func `a repetition that waits gets the first request's job when it has ended`() async throws {
        try await APIFixture.run { api in
            let key = [("Idempotency-Key", "k")]
            let first = try await api.client.send(json: Self.job, key)
            let id = try #require(first.json?["id"]?.string.flatMap { JobID($0) })
            try await api.finish(id)

            let second = try await api.client.send(json: Self.job, to: "/v1/jobs?wait=10s", key)

            #expect(second.status == 200)
            #expect(second.json?["id"]?.string == "\(id)")
            #expect(second.json?["state"]?.string == "completed")
        }
    }

    @Test func `a stored answer is read as it was written`() {
        let answer = StoredAnswer(status: 202, location: "/v1/jobs/x", body: Array("{}".utf8))

        #expect(StoredAnswer(answer.encoded) == answer)
        #expect(StoredAnswer([]) == nil)
        #expect(StoredAnswer([2] + answer.encoded.dropFirst()) == nil)
        #expect(StoredAnswer(Array(answer.encoded.prefix(7))) == nil)
    }
}
