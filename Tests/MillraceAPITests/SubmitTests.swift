// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillraceTesting
import Testing

@Suite("Submitting") struct SubmitTests {
    @Test func `a job is accepted, lies in the ledger and was pushed`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(json: #"{"kind":"hello.greet","payload":{"name":"Ada"}}"#)

            #expect(reply.status == 202)
            #expect(reply.headers["content-type"] == "application/json")
            let id = try #require(reply.json?["id"]?.string.flatMap { JobID($0) })
            #expect(reply.headers["location"] == "/v1/jobs/\(id)")
            #expect(reply.text == #"{"id":"\#(id)","state":"ready","durability":"postgres"}"#)
            #expect(try await api.ledger.jobs([id])[id]?.payload == Array(#"{"name":"Ada"}"#.utf8))
            #expect(try await api.broker.knows([id], in: .default) == [true])
        }
    }

    @Test func `what is not said is the kind's own`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(json: #"{"kind":"photos.resize","payload":{"width":1}}"#)

            let id = try #require(reply.json?["id"]?.string.flatMap { JobID($0) })
            let job = try #require(try await api.ledger.jobs([id])[id])
            #expect(job.queue == "photos")
            #expect(job.priority == .low)
            #expect(job.maxAttempts == 3)
            #expect(job.timeout == .seconds(90))
        }
    }

    @Test func `what is said is kept`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(
                json: #"""
                    { "kind": "photos.resize", "queue": "slow", "priority": "high", "delay": "1h", "timeout": "1m30s",
                      "expires_at": "2099-01-01T00:00:00+01:00", "max_attempts": 7, "tags": ["a", "\u00e9"],
                      "durability": "postgres", "payload": {"width": 1} }
                    """#)

            #expect(reply.json?["state"]?.string == "scheduled")
            let id = try #require(reply.json?["id"]?.string.flatMap { JobID($0) })
            let job = try #require(try await api.ledger.jobs([id])[id])
            #expect(job.queue == "slow")
            #expect(job.priority == .high)
            #expect(job.timeout == .seconds(90))
            #expect(job.maxAttempts == 7)
            #expect(job.tags == ["a", "é"])
            #expect(job.expiresAt == Timestamp(rfc3339: "2098-12-31T23:00:00Z"))
            #expect(abs((job.dueAt - job.createdAt - .seconds(3600)).milliseconds) < 5000)
        }
    }

    @Test func `a time that has passed means now`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(
                json: #"{"kind":"test.any","payload":0,"run_at":"2001-01-01T00:00:00Z"}"#)

            #expect(reply.json?["state"]?.string == "ready")
        }
    }

    @Test(arguments: [
        "0", "-0.0", "1e400", "123456789012345678901234567890.000000000000000000001", #""""#, "null", "[ ]", #"{ }"#,
        #"{"b":1,"a":2,"a":3,"":{}}"#, "{\"tab\" :\t[1 ,2 ,\n3 ] }", #""\u0000\ud83d\ude00\/""#, #""é😀\#u{7F}""#,
        #"{"one":1.0,"two":1.00,"big":99999999999999999999}"#,
    ])
    func `a payload comes back byte for byte`(_ payload: String) async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(json: " {\n \"payload\" : \(payload) , \"kind\":\"test.any\" } ")

            let id = try #require(reply.json?["id"]?.string, "\(reply.text)")
            let job = try await api.client.send("GET", "/v1/jobs/\(id)")
            #expect(job.json?["payload"]?.raw == payload)
        }
    }

    @Test func `64 levels and 256 KiB of payload are taken`() async throws {
        try await APIFixture.run { api in
            let nested = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
            let large = "\"" + String(repeating: "x", count: 256 * 1024 - 2) + "\""
            for payload in [nested, large] {
                let id = try await api.submit(payload: payload)

                #expect(try await api.ledger.jobs([id])[id]?.payload == Array(payload.utf8))
            }
        }
    }

    @Test func `a well-formed trace goes with the job, any other does not`() async throws {
        try await APIFixture.run { api in
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let others = [
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "ff" + trace.dropFirst(2), trace + "0",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x",
            ]
            for (header, expected) in [(trace, trace)] + others.map({ ($0, nil) }) as [(String, String?)] {
                _ = try await api.client.send(
                    json: #"{"kind":"test.any","payload":0}"#, [("traceparent", header)])

                #expect(try await api.takeOne().trace == expected)
            }
        }
    }

    @Test func `a submission is pushed late when the broker was away`() async throws {
        try await APIFixture.run { api in
            api.broker.takeAway()

            let id = try await api.submit()

            #expect(try await api.ledger.jobs([id])[id]?.state == .ready)
        }
    }
}

extension APIFixture {
    /// Reserves and completes the one job that lies in the default queue; returns what travelled with it.
    fileprivate func takeOne() async throws -> JobEnvelope {
        let epoch = try await ledger.establishEpoch(of: .default, serverID: "test")
        try await broker.configure(.default, isPaused: false, epoch: epoch)
        let reservation = try await broker.reserve(
            1, from: .default, epoch: epoch, process: ProcessID(number: 1), backwards: false)
        let job = try #require(reservation.jobs.first)
        _ = try await broker.complete([job.lease], in: .default, announcing: [])
        return try JobEnvelope(decoding: job.envelope)
    }
}

@Suite("Submitting batches") struct BatchTests {
    @Test(arguments: [true, false])
    func `ids come in the order of the jobs`(_ isLines: Bool) async throws {
        try await APIFixture.run { api in
            let jobs = (0..<700).map { #"{"kind":"test.any","payload":\#($0)}"# }
            let body = isLines ? jobs.joined(separator: "\r\n\n") : "[" + jobs.joined(separator: " , ") + "]"

            let reply = try await api.client.send(
                "POST", "/v1/jobs:batch",
                [("Content-Type", isLines ? "application/x-ndjson; charset=utf-8" : "application/json")],
                Array(body.utf8))

            #expect(reply.status == 202)
            let ids = try #require(reply.json?["ids"]?.elements.compactMap { $0.string.flatMap { JobID($0) } })
            #expect(ids.count == 700)
            let records = try await api.ledger.jobs(ids)
            for (index, id) in ids.enumerated() { #expect(records[id]?.payload == Array("\(index)".utf8)) }
            #expect(try await api.broker.knows(Array(ids.prefix(500)), in: .default).allSatisfy { $0 })
        }
    }

    @Test func `10,000 jobs are taken, and none when one is bad`() async throws {
        try await APIFixture.run { api in
            let job = #"{"kind":"test.any","payload":0}"#
            let good = Array(repeating: job, count: 10_000)

            let bad = try await api.client.send(
                json: "[" + (good.dropLast() + ["{}"]).joined(separator: ",") + "]", to: "/v1/jobs:batch")
            #expect(bad.status == 422)
            #expect(bad.json?["errors"]?.elements.first?["pointer"]?.string == "/9999/kind")
            #expect(try await api.ledger.list(JobQuery(limit: 1)).jobs.isEmpty)

            let reply = try await api.client.send(json: "[" + good.joined(separator: ",") + "]", to: "/v1/jobs:batch")
            #expect(reply.status == 202, "\(reply.text.prefix(300))")
            #expect(reply.json?["ids"]?.elements.count == 10_000)
        }
    }

    @Test func `a million strange members are one fault`() async throws {
        try await APIFixture.run { api in
            let members = Array(repeating: #""colour":1"#, count: 1_000_000).joined(separator: ",")

            let reply = try await api.client.send(json: "[{\(members)}]", to: "/v1/jobs:batch")

            #expect(reply.status == 422)
            #expect(reply.json?["errors"]?.elements.map { $0["pointer"]?.string } == ["/0"])
        }
    }

    @Test func `what the ledger refuses is named by its index`() async throws {
        try await APIFixture.run { api in
            api.ledger.fail(.accept, with: LedgerError(.rejected, "invalid byte sequence", index: 1))
            let job = #"{"kind":"test.any","payload":0}"#

            let reply = try await api.client.send(json: "[\(job),\(job)]", to: "/v1/jobs:batch")

            #expect(reply.status == 422)
            #expect(reply.json?["errors"]?.elements.first?["pointer"]?.string == "/1")
        }
    }
}
