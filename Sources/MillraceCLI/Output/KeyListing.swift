// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

extension Listing where Row == APIKey {
    static func apiKeys(now: Timestamp) -> Listing {
        Listing(name: "keys", columns: columns(now), json: { json, key in json.object { $0.members(of: key, now) } })
    }

    /// All that is known of one key.
    static func apiKey(now: Timestamp) -> Listing {
        Listing(
            name: "keys", columns: columns(now) + times, json: { json, key in json.object { $0.members(of: key, now) } }
        )
    }

    /// A key that was made just now: the only time that all of it is shown.
    static func newAPIKey(_ token: APIKeyToken, now: Timestamp) -> Listing {
        Listing(
            name: "keys", columns: [Column("KEY") { _ in token.text }] + columns(now) + times,
            json: { json, key in
                json.object { json in
                    json.member("key", token.text)
                    json.members(of: key, now)
                }
            })
    }

    private static func columns(_ now: Timestamp) -> [Column] {
        [
            Column("ID") { "\($0.id)" },
            Column("NAME") { $0.name },
            Column("STATE") { $0.state(at: now).rawValue },
            Column("SCOPES") { $0.scopeNames.joined(separator: ",") },
            Column("QUEUES") { $0.queueNames?.joined(separator: ",") ?? "all" },
            Column("RATE", isNumber: true) { $0.requestsPerSecond.map { "\($0)/s" } ?? "-" },
            Column("EXPIRES") { $0.expiresAt?.rfc3339 ?? "-" },
        ]
    }

    private static var times: [Column] {
        [Column("CREATED") { $0.createdAt.rfc3339 }, Column("REVOKED") { $0.revokedAt?.rfc3339 ?? "-" }]
    }
}

extension JSONWriter {
    fileprivate mutating func members(of key: APIKey, _ now: Timestamp) {
        member("id", "\(key.id)")
        member("name", key.name)
        member("state", key.state(at: now).rawValue)
        member("scopes") { json in json.array(key.scopeNames) { $0.string($1) } }
        if let queues = key.queueNames {
            member("queues") { json in json.array(queues) { $0.string($1) } }
        } else {
            member("queues", String?.none)
        }
        member("requests_per_second", key.requestsPerSecond)
        member("created_at", key.createdAt.rfc3339)
        member("expires_at", key.expiresAt?.rfc3339)
        member("revoked_at", key.revokedAt?.rfc3339)
    }
}

extension APIKey {
    /// In the order in which the scopes are explained.
    fileprivate var scopeNames: [String] { APIScope.allCases.filter(scopes.contains).map(\.rawValue) }
    fileprivate var queueNames: [String]? { queues?.map(\.name).sorted() }
}
