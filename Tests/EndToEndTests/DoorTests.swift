// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Keys as operators use them, on real processes and stores.
@Suite("Keys and TLS", .timeLimit(.minutes(2))) struct DoorTests {
    private func status(_ mill: Mill, _ key: String, _ path: String = "/v1/queues") async throws -> Int {
        try await mill.request("GET", path, headers: ["Authorization": "Bearer \(key)"]).status
    }

    @Test func `a key is made, works at once, and is refused seconds after it was revoked`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let key = try await Mill.createKey(
                "--scope", "read", "--queue", "default", environment: mill.environment)

            #expect(try await status(mill, key) == 200)
            #expect(try await status(mill, key, "/v1/pools") == 403)
            #expect(try await status(mill, "mr_aaaaaaaa_" + key.suffix(43)) == 401)
            try await run([Repository.executable.path(), "keys", "revoke", key], environment: mill.environment)

            let isRefused = await eventually(within: .seconds(20)) { (try? await self.status(mill, key)) == 401 }
            #expect(isRefused)
            #expect(try await status(mill, mill.key) == 200)
        }
    }

    @Test func `without PostgreSQL a key that is known is honoured`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            #expect(try await status(mill, mill.key, "/v1/workers") == 200)
            try await mill.stores.killPostgres()

            #expect(try await status(mill, mill.key, "/v1/workers") == 200)
            #expect(try await status(mill, mill.key, "/v1/jobs") == 503)
            #expect(try await status(mill, "mr_aaaaaaaa_" + mill.key.suffix(43), "/v1/workers") == 503)
        }
    }
}
