// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// `GET /openapi.json`: the API described as OpenAPI 3.1, for people and for generators of clients.
///
/// It tells of Millrace's own routes; what an application adds is the application's to describe. A test walks all routes
/// and holds real answers against the schemas.
///
/// Change together: the routes, `OpenAPISchema`, `OpenAPITests`.
enum OpenAPIDocument {
    static let path = "/openapi.json"

    /// - Parameter routes: Millrace's other ones; they say who may use what.
    static func route(describing routes: [Route]) -> Route {
        var json = JSONWriter()
        tree(routes).write(to: &json)
        let bytes = json.bytes
        return Route(.get, path, .open) { (request) throws(Problem) in
            _ = try request.query()
            return Answer(body: bytes)
        }
    }

    /// The name of the one security scheme; operations list the scope that they need as its role.
    static let scheme = "apiKey"

    private static let apiKey: JSONTree = [
        "type": "http", "scheme": "bearer", "bearerFormat": "mr_<id>_<secret>",
        "description": .string(
            "A key that `millrace keys create` made, with the scope that the operation names; admin stands for all of "
                + "them, read:payload for read. A key for certain queues is told of nothing in other ones."),
    ]

    static let operations: [OpenAPIOperation] = jobs + oneJob + queues + pools + health

    private static func tree(_ routes: [Route]) -> JSONTree {
        let rules = Dictionary(routes.map { ("\($0.method) \($0.pattern)", $0.access) }) { first, _ in first }
        let paths = Dictionary(grouping: operations, by: \.path).sorted { $0.key < $1.key }.map { path, operations in
            (
                name: path,
                value: JSONTree.object(
                    operations.map { operation in
                        // Of all that is described only this document is not among them.
                        let rule = rules["\(operation.method) \(operation.path)"] ?? .open
                        return (operation.method.rawValue.lowercased(), operation.tree(rule))
                    })
            )
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Millrace", "version": .string(MillraceVersion.current),
                "summary": "Background jobs on Redis and PostgreSQL",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "paths": .object(paths),
            "components": [
                "schemas": .object(OpenAPISchema.all), "securitySchemes": .object([(scheme, apiKey)]),
            ],
        ]
    }
}

// MARK: - Parameters

extension OpenAPIOperation.Parameter {
    fileprivate static let wait = Self(
        name: "wait", place: .query, about: "How long to wait for the job's end, at most \(APILimits.waitMax.text).",
        schema: OpenAPISchema.duration)
    fileprivate static let idempotencyKey = Self(
        name: "Idempotency-Key", place: .header,
        about: "The same request with the same key is carried out once, and its first answer repeated, for "
            + "\(Limits.idempotencyRetention.text).",
        schema: ["type": "string", "minLength": 1, "maxLength": .integer(Limits.keyBytesMax)])
    fileprivate static let traceParent = Self(
        name: "traceparent", place: .header, about: "W3C trace context, carried into the job.",
        schema: OpenAPISchema.text)
    fileprivate static let job = Self(name: "id", place: .path, about: "The job's id.", schema: OpenAPISchema.id)
    fileprivate static let queue = Self(
        name: "queue", place: .path, about: "The queue's name.", schema: OpenAPISchema.name)
    fileprivate static let pool = Self(
        name: "pool", place: .path, about: "The pool's name.", schema: OpenAPISchema.name)

    fileprivate static func query(_ name: String, _ about: String, _ schema: JSONTree) -> Self {
        Self(name: name, place: .query, about: about, schema: schema)
    }
}

extension [Problem.Kind] {
    /// Of whatever asks a store.
    fileprivate static let ofStores: [Problem.Kind] = [.unavailable, .overloaded]
    fileprivate static let ofBodies: [Problem.Kind] = [
        .malformedJSON, .tooSlow, .tooLarge, .unsupportedMediaType, .invalidField, .overloaded,
    ]
    fileprivate static let ofKeys: [Problem.Kind] = [.invalidHeader, .keyReused, .keyInFlight]
}

// MARK: - Operations

extension OpenAPIDocument {
    private static let jobs: [OpenAPIOperation] = [
        OpenAPIOperation(
            method: .post, path: "/v1/jobs", name: "submitJob", about: "Submits a job.",
            parameters: [.wait, .idempotencyKey, .traceParent],
            body: .init(contents: [("application/json", "JobSubmission")]),
            answers: [
                .init(200, "It ended while the request waited.", "Job"),
                .init(202, "It is accepted; Location says where it is shown.", "Accepted"),
            ], problems: .ofStores + .ofBodies + .ofKeys),
        OpenAPIOperation(
            method: .post, path: "/v1/jobs:batch", name: "submitBatch",
            about: "Submits up to \(Limits.batchJobsMax) jobs, all or none; as an array or as lines of JSON.",
            parameters: [.idempotencyKey, .traceParent],
            body: .init(contents: [("application/json", "Batch"), ("application/x-ndjson", "JobSubmission")]),
            answers: [.init(202, "All are accepted; their ids in the order of the jobs.", "BatchAccepted")],
            problems: .ofStores + .ofBodies + .ofKeys),
        OpenAPIOperation(
            method: .get, path: "/v1/jobs", name: "listJobs", about: "Lists jobs, newest first.",
            parameters: [
                .query("queue", "Only those of this queue.", OpenAPISchema.name),
                .query("state", "Only those in this state.", OpenAPISchema.state),
                .query("kind", "Only those of this kind.", OpenAPISchema.name),
                .query(
                    "limit", "At most so many. Default \(APILimits.pageJobs).",
                    ["type": "integer", "minimum": 1, "maximum": .integer(APILimits.pageJobsMax)]),
                .query("cursor", "Where to go on: `next` of the page before.", OpenAPISchema.text),
            ], answers: [.init(200, "A page; it may be short and still have a next one.", "JobPage")],
            problems: .ofStores),
    ]

    private static let oneJob: [OpenAPIOperation] = [
        OpenAPIOperation(
            method: .get, path: "/v1/jobs/{id}", name: "showJob", about: "Shows all that is known of a job.",
            parameters: [.job], answers: [.init(200, "The job.", "Job")], problems: .ofStores + [.notFound]),
        OpenAPIOperation(
            method: .get, path: "/v1/jobs/{id}/result", name: "jobResult",
            about: "The result alone, as the very bytes that the handler returned.", parameters: [.job, .wait],
            answers: [
                .init(200, "It completed.", nil), .init(202, "It has not ended; ask again.", "JobStanding"),
            ], problems: .ofStores + [.notFound, .jobFailed]),
        OpenAPIOperation(
            method: .post, path: "/v1/jobs/{id}/cancel", name: "cancelJob",
            about: "Cancels a job that has not ended.", parameters: [.job],
            answers: [
                .init(200, "It will not run.", "JobStanding"),
                .init(202, "It was running, and its handler is told.", "JobStanding"),
            ], problems: .ofStores + [.notFound, .wrongState, .invalidField]),
        OpenAPIOperation(
            method: .post, path: "/v1/jobs/{id}/retry", name: "retryJob",
            about: "Runs a job that has ended again, with its failures forgotten.", parameters: [.job],
            answers: [.init(202, "It is ready.", "JobStanding")],
            problems: .ofStores + [.notFound, .wrongState, .invalidField]),
    ]

    private static let queues: [OpenAPIOperation] = [
        OpenAPIOperation(
            method: .get, path: "/v1/queues", name: "listQueues", about: "Lists all queues by name.",
            answers: [.init(200, "The queues.", "Queues")], problems: .ofStores),
        OpenAPIOperation(
            method: .get, path: "/v1/queues/{queue}", name: "showQueue", about: "Shows a queue.",
            parameters: [.queue], answers: [.init(200, "The queue.", "Queue")], problems: .ofStores + [.notFound]),
        OpenAPIOperation(
            method: .post, path: "/v1/queues/{queue}/pause", name: "pauseQueue",
            about: "Lets no more jobs of a queue start.", parameters: [.queue],
            answers: [.init(200, "It is paused.", "QueuePause")], problems: .ofStores + [.notFound, .invalidField]),
        OpenAPIOperation(
            method: .post, path: "/v1/queues/{queue}/resume", name: "resumeQueue",
            about: "Lets a queue's jobs start again.", parameters: [.queue],
            answers: [.init(200, "It is active.", "QueuePause")], problems: .ofStores + [.notFound, .invalidField]),
    ]

    private static let pools: [OpenAPIOperation] = [
        OpenAPIOperation(
            method: .get, path: "/v1/workers", name: "listWorkers",
            about: "Lists the worker processes that gave word within the last 30 s.",
            answers: [.init(200, "The processes.", "Workers")], problems: .ofStores),
        OpenAPIOperation(
            method: .get, path: "/v1/pools", name: "listPools", about: "Lists the pools of worker processes.",
            answers: [.init(200, "The pools.", "Pools")], problems: .ofStores),
        OpenAPIOperation(
            method: .get, path: "/v1/pools/{pool}", name: "showPool", about: "Shows a pool.", parameters: [.pool],
            answers: [.init(200, "The pool.", "Pool")], problems: .ofStores + [.notFound]),
        OpenAPIOperation(
            method: .put, path: "/v1/pools/{pool}", name: "scalePool",
            about: "Says how many processes a pool shall have.", parameters: [.pool],
            body: .init(contents: [("application/json", "PoolCount")]),
            answers: [.init(200, "The pool as it is wished now.", "Pool")],
            problems: .ofStores + [.notFound, .malformedJSON, .tooSlow, .tooLarge, .invalidField]),
    ]

    private static let health: [OpenAPIOperation] = [
        OpenAPIOperation(
            method: .get, path: "/livez", name: "live", about: "Whether this process lives.",
            answers: [.init(200, "It does.", "Live")], problems: []),
        OpenAPIOperation(
            method: .get, path: "/readyz", name: "ready", about: "Whether a job could be accepted now.",
            answers: [.init(200, "It could.", "Ready"), .init(503, "The ledger is away.", "Ready")], problems: []),
        OpenAPIOperation(
            method: .get, path: OpenAPIDocument.path, name: "openAPI", about: "This document.",
            answers: [.init(200, "OpenAPI 3.1.", nil)], problems: []),
    ]
}
