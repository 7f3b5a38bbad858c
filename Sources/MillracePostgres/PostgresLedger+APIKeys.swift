// SPDX-License-Identifier: Apache-2.0

public import Millrace
import PostgresDriver

extension PostgresLedger {
    public func addAPIKey(_ key: APIKey) async throws(LedgerError) {
        let row = try await first(
            of: Statements.addAPIKey,
            [
                .text(key.id.description), .text(key.name), .bytea(key.digest),
                .textArray(key.scopes.map(\.rawValue).sorted()), .names(key.queues),
                .int4(key.requestsPerSecond.map { Int32(clamping: $0) }), .time(key.createdAt),
                .time(key.expiresAt), .int8(Int64(Limits.apiKeysMax)),
            ])
        let (isThere, isTaken) = try decoding { () throws(PostgresError) in (try row.bool(0), try row.bool(1)) }
        guard !isTaken else { throw LedgerError(.rejected, "another key has the id \(key.id)") }
        guard isThere else {
            throw LedgerError(.rejected, "as many API keys are kept as may be: \(Limits.apiKeysMax)")
        }
    }

    public func apiKeys() async throws(LedgerError) -> [APIKey] {
        let result: PostgresResult
        do throws(PostgresError) {
            // Whatever else waits for a connection: a key that was revoked must be known.
            result = try await query(Statements.listAPIKeys, [], on: urgent, within: configuration.callTimeout)
        } catch {
            throw LedgerError(error)
        }
        return try decoding { () throws(PostgresError) in
            var keys: [APIKey] = []
            for row in result.rows { keys.append(try APIKey(row)) }
            return keys
        }
    }

    public func revokeAPIKey(_ id: APIKeyID) async throws(LedgerError) -> Bool {
        try await run(Statements.revokeAPIKey, [.text(id.description)]).rowCount > 0
    }
}

extension APIKey {
    /// A scope or a queue that this release does not know is left out, which allows less.
    fileprivate init(_ row: PostgresRow) throws(PostgresError) {
        guard let id = APIKeyID(try row.text(0)) else {
            throw PostgresError(.decoding, "column 0 holds what no release of Millrace writes")
        }
        self.init(
            id: id, name: try row.text(1), digest: try row.bytea(2),
            scopes: Set(try row.textArray(3).compactMap { $0.flatMap(APIScope.init) }),
            queues: try row.textArrayIfPresent(4).map { Set($0.compactMap { $0.flatMap { QueueName($0) } }) },
            requestsPerSecond: try row.integerIfPresent(5), createdAt: try row.time(6),
            expiresAt: try row.timeIfPresent(7), revokedAt: try row.timeIfPresent(8))
    }
}

extension PostgresValue {
    /// nil as null.
    static func names(_ queues: Set<QueueName>?) -> PostgresValue {
        queues.map { .textArray($0.map(\.name).sorted()) } ?? .null
    }

    fileprivate static func time(_ time: Timestamp?) -> PostgresValue {
        .timestamp(unixMicroseconds: time?.unixMicroseconds)
    }
}
