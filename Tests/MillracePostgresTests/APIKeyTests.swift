// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

@testable import MillracePostgres

@Suite("Rows of API keys", .needsPostgres) struct APIKeyTests {
    private func key(_ id: String) throws -> APIKey {
        APIKey(
            id: try #require(APIKeyID(id)), name: "test", digest: [UInt8](repeating: 1, count: 32), scopes: [.read],
            createdAt: Timestamp(unixMilliseconds: 1_767_225_600_000))
    }

    @Test func `more keys than a process should hold are refused, and the same one again is not`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            let first = try key("aaaaaaaa")
            try await ledger.addAPIKey(first)
            try await database.run(
                """
                INSERT INTO millrace.api_keys (id, name, digest, scopes, created_at)
                SELECT lpad(number::text, 8, '0'), 'x', sha256(number::text::bytea), '{read}', now()
                FROM generate_series(2, \(Limits.apiKeysMax)) AS number
                """)

            let error = try await #require(throws: LedgerError.self) { try await ledger.addAPIKey(try key("bbbbbbbb")) }
            try await ledger.addAPIKey(first)

            #expect(error.code == .rejected && error.message.contains("\(Limits.apiKeysMax)"))
            #expect(try await ledger.apiKeys().count == Limits.apiKeysMax)
        }
    }

    @Test func `what a newer release wrote into a key allows less, not more`() async throws {
        try await TestDatabase.withLedger { ledger, database in
            try await ledger.addAPIKey(try key("aaaaaaaa"))

            try await database.run("UPDATE millrace.api_keys SET scopes = '{read,fly}', queues = '{photos,No Name}'")

            let read = try #require(try await ledger.apiKeys().first)
            #expect(read.scopes == [.read] && read.queues == ["photos"])
        }
    }
}
