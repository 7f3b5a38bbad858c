// SPDX-License-Identifier: Apache-2.0

import Millrace
import Testing

extension LedgerConformance {
    static let keepingAPIKeys: [LedgerConformance] = [
        LedgerConformance("keys of the API are listed by their ids, each as it was added") { trial in
            let plain = try await trial.apiKey("zz")
            var full = try await trial.apiKey("aa")
            full.scopes = [.submit, .readPayload]
            full.queues = [trial.queue, trial.otherQueue]
            full.requestsPerSecond = 5
            full.expiresAt = full.createdAt + .seconds(60)
            try await trial.ledger.addAPIKey(plain)
            try await trial.ledger.addAPIKey(full)

            #expect(try await trial.ledger.apiKeys() == [full, plain])
        },
        LedgerConformance("a key that is for no queue is not for all of them") { trial in
            var key = try await trial.apiKey("aa")
            key.queues = []
            try await trial.ledger.addAPIKey(key)

            #expect(try await trial.ledger.apiKeys().first?.queues == [])
        },
        LedgerConformance("the same key is added once, and none with the id of another") { trial in
            let key = try await trial.apiKey("aa")
            var other = key
            other.digest = [UInt8](repeating: 1, count: 32)
            try await trial.ledger.addAPIKey(key)

            try await trial.ledger.addAPIKey(key)
            let error = await #expect(throws: LedgerError.self) { try await trial.ledger.addAPIKey(other) }

            #expect(error?.code == .rejected)
            #expect(try await trial.ledger.apiKeys() == [key])
        },
        LedgerConformance("a key is revoked once and for all, and adding it again does not bring it back") { trial in
            let key = try await trial.apiKey("aa")
            try await trial.ledger.addAPIKey(key)

            #expect(try await trial.ledger.revokeAPIKey(key.id))
            let first = try #require(try await trial.ledger.apiKeys().first?.revokedAt)
            #expect(first.isNear(try await trial.now()))
            #expect(try await trial.ledger.revokeAPIKey(key.id))
            try await trial.ledger.addAPIKey(key)

            #expect(try await trial.ledger.apiKeys().map(\.revokedAt) == [first])
            #expect(try await !trial.ledger.revokeAPIKey(try await trial.apiKey("bb").id))
        },
        LedgerConformance("a key that has ended is forgotten a week later, and no other") { trial in
            let kept = try await trial.apiKey("aa")
            var expiring = try await trial.apiKey("bb")
            expiring.expiresAt = expiring.createdAt + .seconds(86_400)
            let revoked = try await trial.apiKey("cc")
            for key in [kept, expiring, revoked] { try await trial.ledger.addAPIKey(key) }
            _ = try await trial.ledger.revokeAPIKey(revoked.id)

            try await trial.advance(by: Limits.apiKeyRetention - .seconds(60))
            try await trial.ledger.maintain()
            #expect(try await trial.ledger.apiKeys().map(\.id) == [kept.id, expiring.id, revoked.id])

            try await trial.advance(by: .seconds(120))
            try await trial.ledger.maintain()
            #expect(try await trial.ledger.apiKeys().map(\.id) == [kept.id, expiring.id])

            try await trial.advance(by: .seconds(86_400))
            try await trial.ledger.maintain()
            #expect(try await trial.ledger.apiKeys().map(\.id) == [kept.id])
        },
        LedgerConformance("a listing keeps to the queues that its caller may see") { trial in
            let (own, other) = (try await trial.job(), try await trial.job(in: trial.otherQueue))
            try await trial.accept([own, other])

            let listed = try await trial.pages(JobQuery(visibleQueues: [trial.queue]))
            let both = try await trial.pages(JobQuery(visibleQueues: [trial.queue, trial.otherQueue]))
            let none = try await trial.pages(JobQuery(visibleQueues: []))
            let elsewhere = try await trial.pages(JobQuery(queue: trial.otherQueue, visibleQueues: [trial.queue]))

            #expect(listed.flatMap(\.self).map(\.id) == [own.id])
            #expect(Set(both.flatMap(\.self).map(\.id)) == [own.id, other.id])
            #expect(none.flatMap(\.self).isEmpty && elsewhere.flatMap(\.self).isEmpty)
        },
    ]
}

extension LedgerTrial {
    /// - Parameter start: of its id.
    fileprivate func apiKey(_ start: String) async throws -> APIKey {
        let id = try #require(APIKeyID(start + String(repeating: "0", count: 8 - start.count)))
        return APIKey(
            id: id, name: "key \(start)", digest: (0..<32).map { UInt8($0) }, scopes: [.read],
            createdAt: try await now())
    }
}
