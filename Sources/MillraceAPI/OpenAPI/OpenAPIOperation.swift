// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace

/// One method on one path, as the API's description has it.
struct OpenAPIOperation: Sendable {
    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }

        let name: String
        let place: Place
        let about: String
        let schema: JSONTree

        var tree: JSONTree {
            [
                "name": .string(name), "in": .string(place.rawValue), "required": .boolean(place == .path),
                "description": .string(about), "schema": schema,
            ]
        }
    }

    struct Body: Sendable {
        /// Media types and the names of their schemas.
        let contents: [(mediaType: String, schema: String)]
    }

    struct Answer: Sendable {
        let status: Int
        let about: String
        /// The name of a schema; nil for any JSON.
        let schema: String?

        init(_ status: Int, _ about: String, _ schema: String?) {
            self.status = status
            self.about = about
            self.schema = schema
        }
    }

    let method: HTTPRequest.Method
    let path: String
    /// Unique, for those who generate clients.
    let name: String
    let about: String
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [Answer]
    var problems: [Problem.Kind]

    /// - Parameter rule: who may use it.
    func tree(_ rule: AccessRule) -> JSONTree {
        var members: [(name: String, value: JSONTree)] = [("operationId", .string(name)), ("summary", .string(about))]
        members.append(("security", rule.tree))
        if !parameters.isEmpty { members.append(("parameters", .array(parameters.map(\.tree)))) }
        if let body {
            let contents = body.contents.map { content in
                (name: content.mediaType, value: ["schema": OpenAPISchema.reference(content.schema)] as JSONTree)
            }
            members.append(("requestBody", ["required": true, "content": .object(contents)]))
        }
        members.append(("responses", .object(answers.map { ("\($0.status)", $0.tree) } + problemTrees(rule))))
        return .object(members)
    }

    /// One for each status; several kinds may share it.
    private func problemTrees(_ rule: AccessRule) -> [(name: String, value: JSONTree)] {
        let ofKeys: [Problem.Kind] = rule == .open ? [] : [.unauthenticated, .missingScope, .tooManyRequests]
        let all = problems + ofKeys + [.malformedRequest, .foreignOrigin, .invalidParameter, .internalError]
        let byStatus = Dictionary(grouping: all) { $0.status.code }
        return byStatus.sorted { $0.key < $1.key }
            // 409 and 503 may be answers too, of which the readiness is one.
            .filter { status, _ in !answers.contains { $0.status == status } }
            .map { status, kinds in
                let titles = Set(kinds.map(\.title)).sorted().joined(separator: "; ")
                return (
                    "\(status)",
                    [
                        "description": .string(titles),
                        "content": [
                            "application/problem+json": ["schema": OpenAPISchema.reference("Problem")]
                        ],
                    ]
                )
            }
    }
}

extension OpenAPIOperation.Answer {
    fileprivate var tree: JSONTree {
        let schema = schema.map(OpenAPISchema.reference) ?? [:]
        return ["description": .string(about), "content": ["application/json": ["schema": schema]]]
    }
}

extension AccessRule {
    /// As an operation's `security`; what the application's users may do is the application's to describe.
    fileprivate var tree: JSONTree {
        guard case .scope(let scope, _) = self else { return [] }
        return .array([.object([(name: OpenAPIDocument.scheme, value: .array([.string(scope.rawValue)]))])])
    }
}
