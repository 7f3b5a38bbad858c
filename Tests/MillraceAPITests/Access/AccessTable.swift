// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting

@testable import MillraceAPI

/// Every route with its rule, written down a second time, and what a caller does there.
struct AccessTable {
    struct Entry: Sendable, CustomStringConvertible {
        /// What the key of a caller for other queues gets.
        enum Elsewhere: Sendable {
            /// The answer is that of anybody, with nothing of the queue in it.
            case nothing
            /// As if it were not there.
            case missing
            /// 403, with a pointer where the request says the queue.
            case refused(pointer: String?)
        }

        let method: String
        let pattern: String
        let rule: AccessRule
        var body: String? = nil
        /// What a caller does that may: any of these statuses.
        var done: Set<Int> = [200]
        var elsewhere = Elsewhere.nothing

        var description: String { "\(method) \(pattern)" }

        func path(_ id: JobID) -> String {
            pattern.replacing("{id}", with: "\(id)").replacing("{queue}", with: "own").replacing("{pool}", with: "mail")
        }

        func send(_ client: HTTPClient, _ id: JobID, query: String = "") async throws -> Reply {
            let headers = body == nil ? [] : [("Content-Type", "application/json")]
            return try await client.send(method, path(id) + query, headers, body.map { Array($0.utf8) })
        }
    }

    private static let job = #"{"kind":"test.any","payload":"secret","queue":"own"}"#
    private static let fit = #"{"kind":"test.any","payload":1,"queue":"elsewhere"}"#

    static let entries: [Entry] = [
        Entry(
            method: "POST", pattern: "/v1/jobs", rule: .scope(.submit), body: job, done: [202],
            elsewhere: .refused(pointer: "/queue")),
        Entry(
            method: "POST", pattern: "/v1/jobs:batch", rule: .scope(.submit), body: "[\(fit),\(job)]", done: [202],
            elsewhere: .refused(pointer: "/1/queue")),
        Entry(method: "GET", pattern: "/v1/jobs", rule: .scope(.read)),
        Entry(method: "GET", pattern: "/v1/jobs/{id}", rule: .scope(.read), elsewhere: .missing),
        Entry(
            method: "GET", pattern: "/v1/jobs/{id}/result", rule: .scope(.readPayload), done: [202],
            elsewhere: .missing),
        Entry(method: "POST", pattern: "/v1/jobs/{id}/cancel", rule: .scope(.operate), elsewhere: .missing),
        Entry(method: "POST", pattern: "/v1/jobs/{id}/retry", rule: .scope(.operate), done: [409], elsewhere: .missing),
        Entry(method: "GET", pattern: "/v1/queues", rule: .scope(.read)),
        Entry(method: "GET", pattern: "/v1/queues/{queue}", rule: .scope(.read), elsewhere: .missing),
        Entry(method: "POST", pattern: "/v1/queues/{queue}/pause", rule: .scope(.operate), elsewhere: .missing),
        Entry(method: "POST", pattern: "/v1/queues/{queue}/resume", rule: .scope(.operate), elsewhere: .missing),
        Entry(method: "GET", pattern: "/v1/workers", rule: .scope(.read)),
        Entry(
            method: "GET", pattern: "/v1/pools", rule: .scope(.read, .allQueues), elsewhere: .refused(pointer: nil)),
        Entry(
            method: "GET", pattern: "/v1/pools/{pool}", rule: .scope(.read, .allQueues),
            elsewhere: .refused(pointer: nil)),
        Entry(
            method: "PUT", pattern: "/v1/pools/{pool}", rule: .scope(.admin, .allQueues), body: #"{"count":3}"#,
            elsewhere: .refused(pointer: nil)),
        Entry(method: "GET", pattern: "/livez", rule: .open),
        Entry(method: "GET", pattern: "/readyz", rule: .open),
        Entry(method: "GET", pattern: "/openapi.json", rule: .open),
    ]

    static var guarded: [Entry] { entries.filter { $0.rule != .open } }
}

extension AccessTable.Entry {
    var scope: APIScope? {
        if case .scope(let scope, _) = rule { scope } else { nil }
    }

    /// Whether it concerns what belongs to no queue.
    var isForAllQueues: Bool {
        if case .scope(_, .allQueues) = rule { true } else { false }
    }
}
