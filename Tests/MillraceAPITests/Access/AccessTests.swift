// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceTesting
import Testing

@testable import MillraceAPI

@Suite("Access") struct AccessTests {
    /// A job in the queue `own`, and a worker process that takes jobs from there.
    private func prepare(_ api: APIFixture) async throws -> JobID {
        try await api.broker.report(
            WorkerReport(
                process: "000000000000f00d", pid: 7, host: "mill-1", pool: "mail", queues: ["own"], concurrency: 10,
                running: 1, startedAtUnixMilliseconds: 1_767_225_600_000, isDraining: false, stuck: 0,
                longest: [.init(id: "a", kind: "b", queue: "own", attempt: 1, ranMilliseconds: 1500)]))
        return try await api.submit(payload: "\"secret\"", #","queue":"own""#)
    }

    @Test func `the routes are those of the table, each with its rule`() async throws {
        try await APIFixture.run { api in
            let server = APIServer(
                configuration: APIServer.Configuration(), ledger: api.ledger, broker: api.broker,
                catalog: APIFixture.catalog, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let routes = server.ownRoutes.map { "\($0.method) \($0.pattern): \($0.access)" }

            #expect(routes.sorted() == AccessTable.entries.map { "\($0): \($0.rule)" }.sorted())
        }
    }

    @Test func `without a key only the open routes answer`() async throws {
        try await APIFixture.run { api in
            let id = try await prepare(api)
            for entry in AccessTable.entries {
                let reply = try await entry.send(api.client(nil), id)

                if entry.rule == .open {
                    #expect(reply.status == 200, "\(entry)")
                } else {
                    #expect(reply.status == 401, "\(entry)")
                    #expect(reply.json?["type"]?.string == "/problems/unauthenticated", "\(entry)")
                    #expect(reply.headers["www-authenticate"] == "Bearer", "\(entry)")
                }
            }
        }
    }

    @Test(arguments: APIScope.allCases)
    func `a key gets where its scope leads, and nowhere else`(scope: APIScope) async throws {
        try await APIFixture.run { api in
            for entry in AccessTable.guarded {
                let id = try await prepare(api)
                let reply = try await entry.send(try await api.client([scope]), id)

                let needed = try #require(entry.scope)
                if scope.includes(needed) {
                    #expect(entry.done.contains(reply.status), "\(entry): \(reply.text)")
                } else {
                    try expectRefusal(reply, entry, needed)
                }
            }
        }
    }

    @Test(arguments: APIScope.allCases.filter { $0 != .admin })
    func `a key for some queues gets at what is in them`(scope: APIScope) async throws {
        try await APIFixture.run { api in
            for entry in AccessTable.guarded {
                let id = try await prepare(api)
                let reply = try await entry.send(try await api.client([scope], for: ["own", "elsewhere"]), id)

                let needed = try #require(entry.scope)
                if !scope.includes(needed) {
                    try expectRefusal(reply, entry, needed)
                } else if entry.isForAllQueues {
                    #expect(reply.status == 403, "\(entry): \(reply.text)")
                } else {
                    #expect(entry.done.contains(reply.status), "\(entry): \(reply.text)")
                }
            }
        }
    }

    @Test func `a key for other queues is told of nothing in this one`() async throws {
        try await APIFixture.run { api in
            let client = try await api.client([.submit, .readPayload, .operate], for: ["elsewhere"])
            for entry in AccessTable.guarded where entry.scope != .admin {
                let id = try await prepare(api)
                let reply = try await entry.send(client, id)

                switch entry.elsewhere {
                case .nothing:
                    #expect(reply.status == 200, "\(entry): \(reply.text)")
                    #expect(!reply.text.contains("own") && !reply.text.contains("\(id)"), "\(entry): \(reply.text)")
                case .missing:
                    #expect(reply.status == 404, "\(entry): \(reply.text)")
                    let unknown = JobID(at: .now() + .seconds(-60))
                    let path = entry.path(unknown).replacing("/own", with: "/nowhere")
                    let other = try await client.send(entry.method, path)
                    #expect(
                        other.text.replacing("\(unknown)", with: "").replacing("nowhere", with: "")
                            == reply.text.replacing("\(id)", with: "").replacing("own", with: ""), "\(entry)")
                case .refused(let pointer):
                    #expect(reply.status == 403, "\(entry): \(reply.text)")
                    #expect(reply.json?["type"]?.string == "/problems/missing-scope")
                    #expect(reply.json?["errors"]?.elements.map { $0["pointer"]?.string } == pointer.map { [$0] })
                }
                let row = try #require(try await api.ledger.jobs([id])[id])
                #expect(row.state == .ready, "\(entry) did something")
                #expect(try await api.ledger.queues().allSatisfy { !$0.isPaused }, "\(entry) did something")
            }
            // A result is not waited for either, and the queue of a listing is no way round.
            let id = try await prepare(api)
            let waited = try await client.send("GET", "/v1/jobs/\(id)/result?wait=60s")
            #expect(waited.status == 404)
            #expect(try await client.send("GET", "/v1/jobs?queue=own").json?["jobs"]?.elements.count == 0)
        }
    }

    @Test func `a job that has no row yet is as little told to a key for other queues`() async throws {
        try await APIFixture.run { api in
            let id = try await api.submit(payload: "1", #","queue":"own","durability":"redis""#)
            #expect(try await api.ledger.jobs([id]).isEmpty)
            let paths = [
                ("GET", ""), ("GET", "/result"), ("GET", "/result?wait=60s"), ("POST", "/cancel"), ("POST", "/retry"),
            ]
            for (queue, isTold) in [("elsewhere", false), ("own", true)] as [(QueueName, Bool)] {
                let client = try await api.client([.readPayload, .operate], for: [queue])
                // The own queue's key would wait for it.
                for (method, path) in paths where !isTold || !path.contains("wait") {
                    let reply = try await client.send(method, "/v1/jobs/\(id)\(path)")
                    #expect((reply.status != 404) == isTold, "\(queue): \(method) \(path): \(reply.text)")
                }
                #expect(try await api.ledger.jobs([id])[id]?.state == (isTold ? .ready : nil))
            }
        }
    }

    @Test func `payloads and results are for those who may read them`() async throws {
        try await APIFixture.run { api in
            let id = try await prepare(api)
            try await api.finish(id, in: "own")
            let (reader, all) = (try await api.client([.read]), try await api.client([.readPayload]))

            let seen = try await reader.send("GET", "/v1/jobs/\(id)")
            #expect(seen.json?["state"]?.string == "completed" && seen.json?["errors"]?.raw == "[]")
            #expect(seen.json?["payload"] == nil && seen.json?["result"] == nil, "\(seen.text)")
            #expect(try await reader.send("GET", "/v1/jobs/\(id)/result").status == 403)
            let whole = try await all.send("GET", "/v1/jobs/\(id)")
            #expect(whole.json?["payload"]?.raw == "\"secret\"" && whole.json?["result"]?.raw == #"{"ok":true}"#)
        }
    }

    @Test func `to wait for a job that one submits is to read it`() async throws {
        try await APIFixture.run { api in
            let body = #"{"kind":"test.any","payload":"secret"}"#
            let submitter = try await api.client([.submit])
            let refused = try await submitter.send(json: body, to: "/v1/jobs?wait=1s")
            #expect(refused.status == 403 && refused.json?["scope"]?.string == "read")
            #expect(try await api.ledger.list(JobQuery()).jobs.isEmpty)

            for (scope, shows) in [(APIScope.read, false), (.readPayload, true)] {
                let client = try await api.client([.submit, scope])
                let key = [("Idempotency-Key", "k")]
                let id = try await client.send(json: body, key).json?["id"]?.string.flatMap { JobID($0) }
                try await api.finish(try #require(id))
                let reply = try await client.send(json: body, to: "/v1/jobs?wait=10s", key)
                #expect(reply.status == 200)
                #expect((reply.json?["payload"] != nil) == shows && (reply.json?["result"] != nil) == shows)
            }
        }
    }

    @Test func `a batch is refused as a whole when one of its jobs is for another queue`() async throws {
        try await APIFixture.run { api in
            let client = try await api.client([.submit], for: ["own"])
            let jobs = ["own", "other", "own", "default"].map { #"{"kind":"test.any","payload":1,"queue":"\#($0)"}"# }

            let reply = try await client.send(json: "[\(jobs.joined(separator: ","))]", to: "/v1/jobs:batch")

            #expect(reply.status == 403)
            #expect(reply.json?["errors"]?.elements.map { $0["pointer"]?.string } == ["/1/queue", "/3/queue"])
            // The queue that a kind brings along counts as if it were named.
            let photo = try await client.send(json: #"{"kind":"photos.resize","payload":{"width":1}}"#)
            #expect(photo.status == 403 && photo.text.contains("photos"))
            // And it belongs there, whichever queue is named.
            let elsewhere = try await client.send(
                json: #"{"kind":"photos.resize","payload":{"width":1},"queue":"own"}"#)
            #expect(elsewhere.status == 403)
            #expect(elsewhere.json?["errors"]?.elements.map { $0["pointer"]?.string } == ["/kind"])
            #expect(try await api.ledger.list(JobQuery()).jobs.isEmpty)
        }
    }

    @Test func `the large body of a request that is refused is not waited for`() async throws {
        try await APIFixture.run { api in
            let reply = try await api.client(nil).send(
                "POST", "/v1/jobs:batch", [("Content-Length", "30000000"), ("Content-Type", "application/json")], nil)

            #expect(reply.status == 401)
            #expect(reply.headers["connection"] == "close")
            let unknown = try await api.client(nil).send("POST", "/nothing", [("Content-Length", "30000000")], nil)
            #expect(unknown.status == 404 && unknown.headers["connection"] == "close")
            let small = try await api.client(nil).send(json: "{}")
            #expect(small.status == 401 && small.headers["connection"] == nil)
        }
    }

    private func expectRefusal(_ reply: Reply, _ entry: AccessTable.Entry, _ needed: APIScope) throws {
        #expect(reply.status == 403, "\(entry): \(reply.text)")
        #expect(reply.json?["type"]?.string == "/problems/missing-scope", "\(entry)")
        #expect(reply.json?["scope"]?.string == needed.rawValue, "\(entry)")
        #expect(reply.json?["detail"]?.string?.contains(needed.rawValue) == true, "\(entry)")
        let challenge = #"Bearer error="insufficient_scope", scope="\#(needed.rawValue)""#
        #expect(reply.headers["www-authenticate"] == challenge, "\(entry)")
    }
}

extension JobID {
    fileprivate init(at time: Timestamp) {
        var generator = SystemRandomNumberGenerator()
        self.init(at: time, using: &generator)
    }
}
