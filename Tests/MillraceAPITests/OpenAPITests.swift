// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Logging
import Millrace
import MillraceTesting
import Testing

@testable import MillraceAPI

/// The document describes what the server does: its routes, its requests and its real answers.
@Suite("OpenAPI") struct OpenAPITests {
    private func document(_ api: APIFixture) async throws -> Reply.Value {
        let reply = try await api.client.send("GET", "/openapi.json")
        #expect(reply.status == 200)
        #expect(reply.headers["content-type"] == "application/json")
        return try #require(reply.json, "\(reply.text.prefix(300))")
    }

    @Test func `each route is described, and nothing else`() async throws {
        try await APIFixture.run { api in
            let document = try await document(api)
            let paths = try #require(document["paths"])
            let described = paths.text.members(of: paths.value).flatMap { path in
                paths.text.members(of: path.value).map { "\($0.name.uppercased()) \(path.name)" }
            }
            let server = APIServer(
                configuration: APIServer.Configuration(), ledger: api.ledger, broker: api.broker,
                catalog: APIFixture.catalog, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let routes = server.ownRoutes.map { "\($0.method) \($0.pattern)" }

            #expect(described.sorted() == routes.sorted())
            #expect(document["openapi"]?.string == "3.1.0")
            #expect(document["info"]?["version"]?.string == MillraceVersion.current)
        }
    }

    @Test func `each operation names the scope that its route needs, and the open ones none`() async throws {
        try await APIFixture.run { api in
            let document = try await document(api)
            let server = APIServer(
                configuration: APIServer.Configuration(), ledger: api.ledger, broker: api.broker,
                catalog: APIFixture.catalog, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            #expect(document["components"]?["securitySchemes"]?["apiKey"]?["scheme"]?.string == "bearer")
            for route in server.ownRoutes {
                let operation = document["paths"]?[route.pattern]?[route.method.rawValue.lowercased()]
                let needs = try #require(operation?["security"]).elements
                switch route.access {
                case .open: #expect(needs.isEmpty, "\(route.pattern)")
                case .scope(let scope, _):
                    #expect(
                        needs.map { $0["apiKey"]?.elements.map(\.string) } == [[scope.rawValue]], "\(route.pattern)")
                    for status in ["401", "403", "429"] { #expect(operation?["responses"]?[status] != nil) }
                case .user, .userOrScope: Issue.record("\(route.pattern) is for users, of whom Millrace has none")
                }
            }
        }
    }

    @Test func `all names are unique, all references lead somewhere, and path parameters are those of the path`()
        async throws
    {
        try await APIFixture.run { api in
            let text = try await api.client.send("GET", "/openapi.json").text
            let schemas = Set(OpenAPISchema.all.map(\.name))

            #expect(Set(OpenAPIDocument.operations.map(\.name)).count == OpenAPIDocument.operations.count)
            #expect(schemas.count == OpenAPISchema.all.count)
            for part in text.split(separator: "#/components/schemas/").dropFirst() {
                let name = String(part.prefix { $0 != "\"" })
                #expect(schemas.contains(name), "\(name)")
            }
            for schema in schemas where schema != "Batch" { #expect(text.contains("schemas/\(schema)\""), "\(schema)") }
            for operation in OpenAPIDocument.operations {
                let ofPath = operation.path.split(separator: "/").filter { $0.hasPrefix("{") }
                let named = operation.parameters.filter { $0.place == .path }.map { "{\($0.name)}" }
                #expect(ofPath.map(String.init) == named, "\(operation.name)")
            }
        }
    }

    @Test func `a submission may say what is described, and each member that is described is taken`() async throws {
        try await APIFixture.run { api in
            let document = try await document(api)
            let members = try #require(document["components"]?["schemas"]?["JobSubmission"]?["properties"])
            let described = Set(members.text.members(of: members.value).map(\.name))
            #expect(described == Set(JobRequestReader.known).subtracting(JobRequestReader.unbuilt))

            let full =
                #"{"kind":"test.any","payload":[1.50],"queue":"q","priority":"high","delay":"1m30s","#
                + #""expires_at":"2099-01-01T00:00:00Z","timeout":"5s","max_attempts":3,"tags":["a"],"#
                + #""durability":"postgres"}"#
            let sent = Reply(status: 0, headers: [:], body: Array(full.utf8), informational: [])
            #expect(SchemaCheck(document: document).faults(of: try #require(sent.json), schema: "JobSubmission") == [])
            #expect(try await api.client.send(json: full).status == 202)
        }
    }

    @Test func `real answers are as described`() async throws {
        try await APIFixture.run { api in
            let check = SchemaCheck(document: try await document(api))
            try await api.broker.report(
                WorkerReport(
                    process: "000000000000f00d", pid: 7, host: "mill-1", pool: "photos", queues: ["default"],
                    concurrency: 10, running: 1, startedAtUnixMilliseconds: 1_767_225_600_000, isDraining: false,
                    stuck: 0, longest: [.init(id: "a", kind: "b", queue: "c", attempt: 1, ranMilliseconds: 1500)],
                    kinds: ["b"]))
            let id = try await api.submit(payload: "{}", #","tags":["a"]"#)
            let failed = try await api.submit()
            try await api.finish(failed, .retry(after: .seconds(60), error: "once"))
            let running = try await api.submit()
            try await api.start(running)
            _ = try await api.ledger.recordStep("charge", result: Array("7".utf8), of: running, attempt: 1)
            let done = try await api.submit()
            try await api.finish(done)
            let exchanges: [(Int, String, String, String?, String)] = [
                (202, "POST", "/v1/jobs", #"{"kind":"test.any","payload":{}}"#, "Accepted"),
                (202, "POST", "/v1/jobs:batch", #"[{"kind":"test.any","payload":{}}]"#, "BatchAccepted"),
                (200, "GET", "/v1/jobs?limit=2", nil, "JobPage"), (200, "GET", "/v1/jobs/\(id)", nil, "Job"),
                (200, "GET", "/v1/jobs/\(failed)", nil, "Job"), (200, "GET", "/v1/jobs/\(done)", nil, "Job"),
                (200, "GET", "/v1/jobs/\(running)", nil, "Job"),
                (202, "GET", "/v1/jobs/\(id)/result", nil, "JobStanding"),
                (200, "POST", "/v1/jobs/\(id)/cancel", nil, "JobStanding"),
                (202, "POST", "/v1/jobs/\(running)/cancel", nil, "JobStanding"),
                (202, "POST", "/v1/jobs/\(id)/retry", nil, "JobStanding"), (200, "GET", "/v1/queues", nil, "Queues"),
                (200, "GET", "/v1/queues/default", nil, "Queue"),
                (200, "POST", "/v1/queues/default/pause", nil, "QueuePause"),
                (200, "POST", "/v1/queues/default/resume", nil, "QueuePause"),
                (200, "GET", "/v1/workers", nil, "Workers"), (200, "GET", "/v1/pools", nil, "Pools"),
                (200, "GET", "/v1/pools/mail", nil, "Pool"), (200, "PUT", "/v1/pools/mail", #"{"count":3}"#, "Pool"),
                (200, "GET", "/livez", nil, "Live"), (200, "GET", "/readyz", nil, "Ready"),
                (404, "GET", "/v1/jobs/\(try SampleID.unknown)", nil, "Problem"),
                (409, "POST", "/v1/jobs/\(done)/cancel", nil, "Problem"),
                (422, "POST", "/v1/jobs", #"{"kind":7,"tags":3}"#, "Problem"),
                (422, "GET", "/v1/jobs?state=lost", nil, "Problem"),
            ]

            for (status, method, path, body, schema) in exchanges {
                let headers = body == nil ? [] : [("Content-Type", "application/json")]
                let reply = try await api.client.send(method, path, headers, body.map { Array($0.utf8) })
                #expect(reply.status == status, "\(method) \(path): \(reply.text)")
                #expect(
                    check.faults(of: try #require(reply.json), schema: schema) == [], "\(method) \(path): \(reply.text)"
                )
                if status < 400 { try isDescribed(status, method, path, schema) }
            }
        }
    }

    @Test func `the check itself finds what is wrong`() async throws {
        try await APIFixture.run { api in
            let check = SchemaCheck(document: try await document(api))
            func faults(_ text: String, _ schema: String) throws -> [String] {
                let value = Reply(status: 0, headers: [:], body: Array(text.utf8), informational: []).json
                return check.faults(of: try #require(value), schema: schema)
            }

            #expect(try faults(#"{"name":"a","count":1}"#, "Pool") == ["/file_count is missing"])
            #expect(try faults(#"{"name":"a","count":-1,"file_count":1}"#, "Pool") == ["/count too small"])
            #expect(try faults(#"{"name":"A","count":1,"file_count":1}"#, "Pool") == ["/name off pattern"])
            #expect(try faults(#"{"name":"a","count":1,"file_count":1,"x":1}"#, "Pool") == ["/x is not described"])
            #expect(
                try faults(#"{"id":"7","state":"lost"}"#, "JobStanding") == ["/id off format", "/state not in enum"])
        }
    }

    /// That this answer is listed with the operation.
    private func isDescribed(_ status: Int, _ method: String, _ path: String, _ schema: String) throws {
        let parts = path.prefix { $0 != "?" }.split(separator: "/")
        let operation = try #require(
            OpenAPIDocument.operations.first { operation in
                let pattern = operation.path.split(separator: "/")
                return "\(operation.method)" == method && pattern.count == parts.count
                    && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
            }, "\(method) \(path)")
        #expect(
            operation.answers.contains { $0.status == status && $0.schema == schema }, "\(method) \(path) \(status)")
    }
}

private enum SampleID {
    static var unknown: JobID {
        get throws { try #require(JobID("019b76da-a800-7000-8000-000000000001")) }
    }
}
