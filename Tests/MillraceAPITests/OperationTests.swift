// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillraceTesting
import Testing

@Suite("Reading and operating jobs") struct JobOperationTests {
    @Test func `a job is shown whole`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit(payload: #"{"n":1.0}"#, #","tags":["a\"b"],"priority":"low""#)
            try await api.finish(id, .retry(after: .seconds(60), error: "once"))

            let reply = try await api.client.send("GET", "/v1/jobs/\(id)")

            #expect(reply.status == 200)
            let job = try #require(reply.json)
            #expect(job["id"]?.string == "\(id)")
            #expect(job["queue"]?.string == "default")
            #expect(job["kind"]?.string == "test.any")
            #expect(job["state"]?.string == "scheduled")
            #expect(job["priority"]?.string == "low")
            #expect(job["attempt"]?.int == 1)
            #expect(job["failures"]?.int == 1)
            #expect(job["crashes"]?.int == 0)
            #expect(job["max_attempts"]?.int == 20)
            #expect(job["timeout"]?.string == "10m")
            #expect(job["tags"]?.raw == #"["a\"b"]"#)
            #expect(job["payload"]?.raw == #"{"n":1.0}"#)
            #expect(job["result"]?.raw == "null")
            #expect(job["worker"]?.string == "0000000000000007")
            #expect(job["expires_at"]?.raw == "null")
            for time in ["created_at", "due_at", "started_at"] {
                #expect(job[time]?.string.flatMap { Timestamp(rfc3339: $0) } != nil, "\(time)")
            }
            let error = try #require(job["errors"]?.elements.first)
            #expect(error["attempt"]?.int == 1)
            #expect(error["error"]?.string == "once")
        }
    }

    @Test func `HEAD is GET without its body`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()

            let get = try await api.client.send("GET", "/v1/jobs/\(id)")
            let head = try await api.client.send("HEAD", "/v1/jobs/\(id)")

            #expect(head.status == 200)
            #expect(head.headers["content-length"] == "\(get.body.count)")
            #expect(head.body.isEmpty)
        }
    }

    @Test func `pages follow one another to the end, newest first`() async throws {
        try await APIFixture.run { api in
            var submitted: [JobID] = []
            for number in 0..<25 { submitted.append(try await api.submit(payload: "\(number)")) }

            var listed: [String] = []
            var cursor: String? = nil
            var pages = 0
            repeat {
                let query = "/v1/jobs?limit=10&queue=default" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await api.client.send("GET", query)
                #expect(page.status == 200)
                let jobs = try #require(page.json?["jobs"]?.elements)
                #expect(jobs.count <= 10)
                #expect(jobs.allSatisfy { $0["payload"] == nil && $0["result"] == nil })
                listed += jobs.compactMap { $0["id"]?.string }
                cursor = page.json?["next"]?.string
                pages += 1
            } while cursor != nil && pages < 10

            #expect(listed == submitted.sorted(by: >).map { "\($0)" })
        }
    }

    @Test func `a listing keeps to its criteria`() async throws {
        try await APIFixture.run { api in
            let first = try await api.submit()
            _ = try await api.submit(payload: "1", #","queue":"other""#)
            _ = try await api.client.send(json: #"{"kind":"hello.greet","payload":{"name":"x"}}"#)
            try await api.finish(first)

            for (query, count) in [
                ("", 3), ("?queue=other", 1), ("?state=completed", 1), ("?state=ready", 2), ("?kind=test.any", 2),
                ("?kind=test.any&state=ready", 1), ("?queue=none", 0),
            ] {
                let page = try await api.client.send("GET", "/v1/jobs\(query)")
                #expect(page.json?["jobs"]?.elements.count == count, "\(query)")
                #expect(page.json?["next"]?.raw == "null")
            }
        }
    }

    @Test func `cancelling is done once, and may be repeated`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            for body in [nil, Array("{}".utf8), Array(" ".utf8)] {
                let reply = try await api.client.send("POST", "/v1/jobs/\(id)/cancel", [], body)

                #expect(reply.status == 200)
                #expect(reply.text == #"{"id":"\#(id)","state":"cancelled"}"#)
            }
            #expect(try await api.ledger.jobs([id])[id]?.state == .cancelled)
        }
    }

    @Test func `cancelling a running job is a promise`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            try await api.start(id)

            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/cancel").status == 202)
            #expect(try await api.ledger.jobs([id])[id]?.state == .cancelled)
        }
    }

    @Test func `a job that is retried before Redis has heard of its cancellation is pushed again`() async throws {
        var ledger: MemoryLedger?
        try await APIFixture.run(
            wrapLedger: {
                ledger = $0
                return $0
            },
            wrapBroker: { broker in
                let ledger = ledger
                return CountingBroker(broker) { id in
                    // The relay finds the old entry, and takes it for the new one.
                    _ = try? await ledger?.reopen(id)
                    try? await ledger?.clearAllFlags()
                }
            }
        ) { api in
            let id = try await api.submit()

            #expect(try await api.client.send("POST", "/v1/jobs/\(id)/cancel").status == 200)

            #expect(try await api.broker.status(of: [.default]).first?.cancelledEntries == 1)
            #expect(try await api.ledger.flagged(limit: 10).map(\.id) == [id])
        }
    }

    @Test func `what has ended is not cancelled, what has not is not retried`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()

            let retry = try await api.client.send("POST", "/v1/jobs/\(id)/retry")
            #expect(retry.status == 409)
            #expect(retry.json?["type"]?.string == "/problems/wrong-state")

            try await api.finish(id)
            let cancel = try await api.client.send("POST", "/v1/jobs/\(id)/cancel")
            #expect(cancel.status == 409)
            #expect(cancel.json?["detail"]?.string?.contains("completed") == true)
        }
    }

    @Test func `a job tells what its runs have done, without what it returned`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            try await api.start(id)
            for name in ["charge", "tell"] {
                _ = try await api.ledger.recordStep(name, result: Array(#"{"a": 1}"#.utf8), of: id, attempt: 1)
            }

            let steps = try await api.client.send("GET", "/v1/jobs/\(id)").json?["steps"]?.elements

            #expect(steps?.map { $0["name"]?.string } == ["charge", "tell"])
            #expect(steps?.map { $0["attempt"]?.int } == [1, 1])
            #expect(steps?.map { $0["result_bytes"]?.int } == [8, 8])
            #expect(steps?.allSatisfy { $0["at"]?.string != nil && $0["result"] == nil } == true)
        }
    }

    @Test func `a dead job is retried`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            try await api.finish(id, .dead(error: "x"))

            let reply = try await api.client.send("POST", "/v1/jobs/\(id)/retry")

            #expect(reply.status == 202)
            #expect(reply.text == #"{"id":"\#(id)","state":"ready"}"#)
            #expect(try await api.ledger.jobs([id])[id]?.state == .ready)
            #expect(try await api.ledger.flagged(limit: 10).map(\.id) == [id])
        }
    }
}

@Suite("Queues, pools and workers") struct QueueOperationTests {
    @Test func `queues are told with what lies in them`() async throws {
        try await APIFixture.run { api in
            _ = try await api.submit(payload: "1", #","priority":"high""#)
            _ = try await api.submit(payload: "2", #","delay":"1m""#)
            _ = try await api.submit(payload: "3", #","delay":"1h""#)
            let done = try await api.submit(payload: "4", #","queue":"other""#)
            try await api.finish(done, in: "other")

            let list = try await api.client.send("GET", "/v1/queues")
            #expect(list.json?["queues"]?.elements.compactMap { $0["name"]?.string } == ["default", "other", "photos"])

            let queue = try #require(try await api.client.send("GET", "/v1/queues/default").json)
            #expect(queue["ready"]?.int == 1)
            #expect(queue["ready_by_priority"]?.raw == #"{"critical":0,"high":1,"normal":0,"low":0}"#)
            #expect(queue["scheduled"]?.int == 1)
            #expect(queue["unpushed"]?.int == 1)
            #expect(queue["unpushed_exact"]?.raw == "true")
            #expect(queue["running"]?.int == 0)
            #expect(queue["paused"]?.raw == "false")
            #expect(queue["oldest_ready_age"]?.string.flatMap { Duration(text: $0) } != nil)
            let other = try #require(try await api.client.send("GET", "/v1/queues/other").json)
            #expect(other["completed_last_hour"]?.int == 1)
            #expect(other["oldest_ready_age"]?.string != nil || other["oldest_ready_age"]?.raw == "null")
        }
    }

    @Test func `a queue is paused and resumed in both stores`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit()
            for (verb, isPaused) in [("pause", true), ("pause", true), ("resume", false)] {
                let reply = try await api.client.send("POST", "/v1/queues/default/\(verb)")

                #expect(reply.status == 200)
                #expect(reply.text == #"{"name":"default","paused":\#(isPaused)}"#)
                #expect(try await api.ledger.queues().first { $0.queue == .default }?.isPaused == isPaused)
                #expect(try await api.broker.status(of: [.default]).first?.isPaused == isPaused)
                #expect(try await api.client.send("GET", "/v1/queues/default").json?["paused"]?.raw == "\(isPaused)")
            }
            #expect(try await api.ledger.jobs([id])[id]?.state == .ready)
        }
    }

    @Test func `a kind's queue can be paused before its first job`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client.send("POST", "/v1/queues/photos/pause")

            #expect(reply.status == 200)
            let queues = try await api.ledger.queues()
            #expect(queues.first { $0.queue == "photos" }?.isPaused == true)
        }
    }

    @Test func `a pool's count beats the file until it is taken back`() async throws {
        try await APIFixture.run { api in
            let json = [("Content-Type", "application/json")]
            #expect(
                try await api.client.send("GET", "/v1/pools/mail").text == #"{"name":"mail","count":2,"file_count":2}"#)

            let set = try await api.client.send("PUT", "/v1/pools/mail", json, Array(#"{"count": 5}"#.utf8))
            #expect(set.status == 200)
            #expect(set.text == #"{"name":"mail","count":5,"file_count":2}"#)
            #expect(try await api.ledger.poolCounts() == ["mail": 5])
            let list = try await api.client.send("GET", "/v1/pools")
            #expect(list.json?["pools"]?.elements.map { $0["count"]?.int } == [5, 4])

            let back = try await api.client.send("PUT", "/v1/pools/mail", json, Array(#"{"count": null}"#.utf8))
            #expect(back.json?["count"]?.int == 2)
            #expect(try await api.ledger.poolCounts().isEmpty)
        }
    }

    @Test func `workers are told`() async throws {
        try await APIFixture.run { api in
            let report = WorkerReport(
                process: "00000000000000aa", pid: 17, host: "mill", pool: "mail", queues: ["a", "b"], concurrency: 8,
                running: 3,
                startedAtUnixMilliseconds: 0, isDraining: false, stuck: 1)
            try await api.broker.report(report)

            let reply = try await api.client.send("GET", "/v1/workers")

            #expect(reply.status == 200)
            let text = reply.text.replacing(/"reported_ago":"\d+m?s"/, with: #""reported_ago":"…""#)
            #expect(
                text
                    == #"{"workers":[{"process":"00000000000000aa","pid":17,"host":"mill","pool":"mail","#
                    + #""queues":["a","b"],"kinds":null,"concurrency":8,"running":3,"started_at":"1970-01-01T00:00:00.000Z","#
                    + #""draining":false,"stuck":1,"quarantine":false,"reported_ago":"…","longest_running":[]}]}"#
            )
        }
    }
}

extension MemoryLedger {
    /// What a relay does when it has pushed.
    fileprivate func clearAllFlags() async throws {
        let pushed = try await pushable(flagged(limit: 100).map(\.id), bytesMax: 1 << 20)
        try await clearFlags(Dictionary(uniqueKeysWithValues: pushed.map { ($0.job.id, $0.version) }))
    }
}
