// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// The schemas of what goes over the wire, made of the same limits and names as the code that reads and writes it.
///
/// Answers allow no member besides those that are named here, so that a new one cannot be forgotten.
///
/// Change together: the views, `JobRequestReader`, `Problem`, `OpenAPITests`.
enum OpenAPISchema {
    /// By their names under `#/components/schemas`.
    static let all: [(name: String, value: JSONTree)] = [
        ("JobSubmission", submission), ("Batch", batch), ("Accepted", accepted), ("BatchAccepted", batchAccepted),
        ("JobSummary", jobSummary), ("Job", job), ("JobPage", jobPage), ("JobStanding", standing), ("Queue", queue),
        ("Queues", object(["queues": list(of: "Queue")])),
        ("QueuePause", object(["name": name, "paused": boolean])), ("Worker", worker),
        ("Workers", object(["workers": list(of: "Worker")])), ("Pool", pool),
        ("Pools", object(["pools": list(of: "Pool")])), ("PoolCount", poolCount),
        ("Live", object(["live": boolean])), ("Ready", ready), ("Problem", problem), ("Fault", fault),
    ]

    static func reference(_ name: String) -> JSONTree { ["$ref": "#/components/schemas/\(name)"] }

    // MARK: - Simple values

    static let id: JSONTree = ["type": "string", "format": "uuid"]
    static let name: JSONTree = ["type": "string", "pattern": "^[a-z0-9._-]{1,\(Limits.nameBytesMax)}$"]
    static let time: JSONTree = ["type": "string", "format": "date-time"]
    static let duration: JSONTree = [
        "type": "string", "pattern": #"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$"#,
        "description": "Whole numbers with units out of d, h, m, s and ms, such as 1m30s.",
    ]
    static let state: JSONTree = ["type": "string", "enum": .array(JobState.allCases.map { .string($0.rawValue) })]
    static let priority: JSONTree = ["type": "string", "enum": .array(Priority.allCases.map { .string($0.name) })]
    static let durability: JSONTree = [
        "type": "string", "enum": .array(Durability.allCases.map { .string($0.rawValue) }),
    ]
    static let boolean: JSONTree = ["type": "boolean"]
    static let count: JSONTree = ["type": "integer", "minimum": 0]
    static let text: JSONTree = ["type": "string"]
    private static let anything: JSONTree = [:]
    private static let tags: JSONTree = ["type": "array", "items": text, "maxItems": .integer(Limits.tagsMax)]

    private static func integer(_ range: ClosedRange<Int>) -> JSONTree {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    private static func orNull(_ schema: JSONTree) -> JSONTree { ["anyOf": [schema, ["type": "null"]]] }

    private static func list(of name: String) -> JSONTree { ["type": "array", "items": reference(name)] }

    /// All members are there, and no others.
    private static func object(_ members: JSONTree, optional: Set<String> = []) -> JSONTree {
        guard case .object(let named) = members else { preconditionFailure("an object has members") }
        let required = named.map(\.name).filter { !optional.contains($0) }
        return [
            "type": "object", "properties": members, "required": .array(required.map { .string($0) }),
            "additionalProperties": false,
        ]
    }

    // MARK: - Submissions

    private static let submission: JSONTree = object(
        [
            "kind": name, "payload": anything.with(["description": "Kept as the very bytes that were sent."]),
            "queue": name, "priority": priority, "run_at": time, "delay": duration, "expires_at": time,
            "timeout": duration, "max_attempts": integer(1...Limits.maxAttemptsMax), "tags": tags,
            "durability": durability,
        ],
        optional: [
            "queue", "priority", "run_at", "delay", "expires_at", "timeout", "max_attempts", "tags", "durability",
        ])
    private static let batch: JSONTree = [
        "type": "array", "items": reference("JobSubmission"), "minItems": 1, "maxItems": .integer(Limits.batchJobsMax),
    ]
    private static let accepted = object(["id": id, "state": state, "durability": durability])
    private static let batchAccepted = object(["ids": ["type": "array", "items": id], "durability": durability])

    // MARK: - Jobs

    private static let summaryMembers: JSONTree = [
        "id": id, "queue": name, "kind": name, "state": state, "priority": priority, "attempt": count,
        "failures": count, "crashes": count, "quarantined": boolean,
        "max_attempts": integer(1...Limits.maxAttemptsMax), "timeout": duration, "tags": tags, "created_at": time,
        "due_at": time, "expires_at": orNull(time), "started_at": orNull(time),
        "finished_at": orNull(time), "worker": orNull(text),
    ]
    private static let recordedError = object(["attempt": count, "at": time, "error": text])
    private static let rememberedStep = object([
        "name": name, "attempt": count, "at": time,
        "result_bytes": integer(0...Limits.stepBytesMax).with([
            "description": "Of what it returned, which the view millrace.jobs shows."
        ]),
    ])
    private static let jobSummary = object(summaryMembers)
    private static let job = object(
        summaryMembers.with([
            "payload": anything.with(["description": .string(payloadRule)]),
            "result": anything.with(["description": .string("null until it completed. " + payloadRule)]),
            "errors": ["type": "array", "items": recordedError, "maxItems": .integer(Limits.errorsMax)],
            "steps": ["type": "array", "items": rememberedStep, "maxItems": .integer(Limits.stepsMax)],
        ]), optional: ["payload", "result"])
    private static let payloadRule = "Only with the scope \(APIScope.readPayload.rawValue)."
    private static let jobPage = object(["jobs": list(of: "JobSummary"), "next": orNull(text)])
    private static let standing = object(["id": id, "state": state])

    // MARK: - Queues, workers and pools

    private static let queue = object([
        "name": name, "paused": boolean, "ready": count,
        "ready_by_priority": object(.object(Priority.allCases.map { (name: $0.name, value: count) })),
        "scheduled": count, "running": count, "quarantined": count, "unpushed": count,
        "unpushed_exact": boolean.with(["description": "false: there are more than `unpushed`, nobody counts so many."]
        ),
        "workers": count,
        "oldest_ready_age": orNull(duration), "completed_last_hour": count, "completed_last_day": count,
        "dead_last_hour": count, "dead_last_day": count,
    ])
    private static let runningJob = object(["id": text, "kind": text, "queue": text, "attempt": count, "ran": duration])
    private static let worker = object([
        "process": text, "pid": count, "host": text, "pool": orNull(text), "queues": ["type": "array", "items": text],
        "kinds": orNull(["type": "array", "items": text]), "concurrency": count, "running": count, "started_at": time,
        "draining": boolean, "stuck": count, "quarantine": boolean, "reported_ago": duration,
        "longest_running": ["type": "array", "items": runningJob],
    ])
    private static let pool = object(["name": name, "count": count, "file_count": count])
    private static let poolCount = object([
        "count": orNull(integer(0...APILimits.poolCountMax)).with(["description": "null returns to workers.yml."])
    ])

    // MARK: - Health and problems

    private static let storeState: JSONTree = ["type": "string", "enum": ["ok", "away"]]
    private static let ready = object(["ready": boolean, "ledger": storeState, "broker": storeState])
    private static let fault = object(
        ["pointer": text, "parameter": text, "header": text, "line": count, "detail": text],
        optional: ["pointer", "parameter", "header", "line"])
    private static let problem = object(
        [
            "type": text.with(["description": .string(problemTypes)]), "title": text, "status": integer(400...599),
            "detail": text,
            "scope": ["type": "string", "enum": .array(APIScope.allCases.map { .string($0.rawValue) })],
            "errors": list(of: "Fault"), "errors_omitted": count,
        ], optional: ["scope", "errors", "errors_omitted"])
    private static let problemTypes =
        "One of " + Problem.Kind.own.map { "/problems/\($0.name) (\($0.status.code))" }.joined(separator: ", ") + "."
}
