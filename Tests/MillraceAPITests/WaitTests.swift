// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@testable import MillraceAPI

@Suite("Waiting over HTTP") struct WaitTests {
    @Test func `a submission that waits is answered with the finished job`() async throws {
        try await APIFixture.run { api in
            async let reply = api.client.send(
                json: #"{"kind":"test.any","payload":{"a":1.50}}"#, [], wait: "30s")
            let id = try await api.onlyJob()
            try await api.finish(id, .completed(Array(#"{ "b": 2.50 }"#.utf8)))

            let job = try await reply
            #expect(job.status == 200)
            #expect(job.headers["location"] == "/v1/jobs/\(id)")
            #expect(job.json?["state"]?.string == "completed")
            #expect(job.json?["result"]?.raw == #"{ "b": 2.50 }"#)
            #expect(job.json?["payload"]?.raw == #"{"a":1.50}"#)
        }
    }

    @Test func `a submission whose job does not end in time is answered as accepted`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send(json: #"{"kind":"test.any","payload":0}"#, [], wait: "100ms")

            #expect(reply.status == 202)
            #expect(reply.json?["state"]?.string == "ready")
        }
    }

    @Test func `a submission that waited in vain tells the state of now, not that of its beginning`() async throws {
        // Nothing but the end of the wait makes it look again.
        try await APIFixture.run({ $0.waitPollInterval = .seconds(3600) }) { api in
            async let reply = api.client.send(json: #"{"kind":"test.any","payload":0}"#, [], wait: "1s")
            try await api.start(try await api.onlyJob())

            let answer = try await reply
            #expect(answer.status == 202)
            #expect(answer.json?["state"]?.string == "running")
            #expect(answer.json?["durability"]?.string == "postgres")
            #expect(answer.headers["location"] == "/v1/jobs/\(answer.json?["id"]?.string ?? "")")

            let result = try await api.client.send(
                "GET", "/v1/jobs/\(answer.json?["id"]?.string ?? "")/result?wait=100ms")
            #expect(result.json?["state"]?.string == "running")
        }
    }

    @Test func `a result is its bytes, and before it is there a 202`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()

            let early = try await api.client.send("GET", "/v1/jobs/\(id)/result")
            #expect(early.status == 202)
            #expect(early.headers["retry-after"] == "1")
            #expect(early.text == #"{"id":"\#(id)","state":"ready"}"#)

            async let awaited = api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")
            try await api.finish(id, .completed(Array("[1.0, 2e400]".utf8)))
            for reply in [try await awaited, try await api.client.send("GET", "/v1/jobs/\(id)/result")] {
                #expect(reply.status == 200)
                #expect(reply.text == "[1.0, 2e400]")
            }
        }
    }

    @Test func `a dead job has no result, but a last error`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            try await api.finish(id, .dead(error: "no \"ink\"\n"))

            let reply = try await api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")

            #expect(reply.status == 409)
            #expect(reply.json?["type"]?.string == "/problems/job-failed")
            #expect(reply.json?["detail"]?.string?.contains("no \"ink\"\n") == true)
            let job = try await api.client.send("GET", "/v1/jobs/\(id)")
            #expect(job.json?["errors"]?.elements.first?["error"]?.string == "no \"ink\"\n")
        }
    }

    @Test func `a cancelled job ends the wait`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            async let reply = api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")
            _ = try await api.client.send("POST", "/v1/jobs/\(id)/cancel")

            #expect(try await reply.status == 409)
        }
    }

    @Test func `a client that goes frees its wait`() async throws {
        let probe = CountingLogger()
        try await APIFixture.run(logger: probe.logger) { api in
            let id = try await api.submit()
            let answered = probe.count(of: "request answered")
            try await api.client.withConnection { connection in
                try await connection.write(api.client.request("GET", "/v1/jobs/\(id)/result?wait=60s", [], nil))
                await eventually("the wait began") { api.ledger.calls(of: .summaries) > 0 }
            }

            await eventually("the request is over") { probe.count(of: "request answered") > answered }
        }
    }

    @Test func `one too many is told so`() async throws {
        try await APIFixture.run({ $0.waitersMax = 1 }) { api in
            let id = try await api.submit()
            async let first = api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")
            await eventually("the first waits") { api.ledger.calls(of: .summaries) > 0 }

            let second = try await api.client.send("GET", "/v1/jobs/\(id)/result?wait=30s")

            #expect(second.status == 503)
            #expect(second.json?["type"]?.string == "/problems/overloaded")
            #expect(second.headers["retry-after"] == "1")
            try await api.finish(id)
            #expect(try await first.status == 200)
        }
    }

    @Test func `a shutdown ends waits with an answer`() async throws {
        let reply = Box<Reply?>(nil)
        let client = Box<Task<Void, any Error>?>(nil)
        try await APIFixture.run { api in
            let id = try await api.submit()
            // It goes on while the server shuts down, which happens behind this closure.
            client.value = Task {
                reply.value = try await api.client.send("GET", "/v1/jobs/\(id)/result?wait=60s")
            }
            await eventually("the wait began") { api.ledger.calls(of: .summaries) > 0 }
        }

        try await client.value?.value
        #expect(reply.value?.status == 202)
    }
}

extension HTTPClient {
    fileprivate func send(json: String, _ headers: [(String, String)], wait: String) async throws -> Reply {
        try await send(json: json, to: "/v1/jobs?wait=\(wait)", headers)
    }
}

extension APIFixture {
    /// The one job that was submitted, once it is there.
    fileprivate func onlyJob() async throws -> JobID {
        try await eventually("a job is there") { try await !ledger.list(JobQuery()).jobs.isEmpty }
        return try #require(try await ledger.list(JobQuery()).jobs.first?.id)
    }
}
