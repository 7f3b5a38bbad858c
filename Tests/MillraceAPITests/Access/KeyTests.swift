// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceAPI

@Suite("API keys") struct KeyTests {
    private static let path = "/v1/queues"

    @Test func `a token is made, and read again`() throws {
        let token = APIKeyToken()

        #expect(token.text.wholeMatch(of: /mr_[a-z0-9]{8}_[A-Za-z0-9_-]{43}/) != nil)
        #expect(APIKeyToken(token.text) == token)
        #expect(token.digest.count == 32)
        #expect(APIKeyToken(token.text)?.digest == token.digest)
        #expect(APIKeyToken().digest != token.digest)
    }

    @Test func `the digest is SHA-256 of the secret's characters`() throws {
        let token = try #require(APIKeyToken("mr_abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))

        #expect(
            Hexadecimal.digits(of: token.digest) == "0f007385b6f9d4b7eeb2748605afe1a984a0a3bfa3f014d09e2a784ce9e5cd1a")
    }

    @Test(arguments: [
        "", "mr_", "mr_abcd1234_", "abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mr_ABCD1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mr_abcd1234-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mr_abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mr_abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "mr_abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",
        "mr_abcd1234_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAé",
    ])
    func `what has another form is no key`(text: String) {
        #expect(APIKeyToken(text) == nil)
    }

    @Test func `digests are equal in all bytes, or not at all`() {
        let digest = (0..<32).map { UInt8($0) }

        #expect(APIKeyToken.areEqual(digest, digest))
        for index in 0..<32 {
            var other = digest
            other[index] ^= 0x80
            #expect(!APIKeyToken.areEqual(digest, other))
        }
        #expect(!APIKeyToken.areEqual(digest, digest.dropLast()) && !APIKeyToken.areEqual([], digest))
    }

    @Test func `a key that is unknown, wrong, expired, revoked or no key at all is told alike`() async throws {
        try await APIFixture.run { api in
            let good = try await api.ledger.makeKey([.read])
            let expired = try await api.ledger.makeKey([.read], expiresAt: .now() + .seconds(-1))
            let revoked = try await api.ledger.makeKey([.read])
            _ = try await api.ledger.revokeAPIKey(try #require(APIKeyToken(revoked)).id)
            #expect(try await api.client(good).send("GET", Self.path).status == 200)

            let bad = [APIKeyToken().text, good.wrong, expired, revoked, "hello", good + "x"]
            var texts: Set<String> = []
            for key in bad {
                let reply = try await api.client(key).send("GET", Self.path)
                #expect(reply.status == 401, "\(key)")
                #expect(reply.headers["www-authenticate"] == #"Bearer error="invalid_token""#)
                #expect(!reply.text.contains(key))
                texts.insert(reply.text)
            }
            #expect(texts.count == 1)
        }
    }

    @Test(arguments: [
        "Basic bXI6eA==", "Bearer", "Bearer ", "bearer: KEY", "KEY", "Bearer KEY KEY", "Bearer KEY,",
        "Bearer \(String(repeating: "x", count: 600))",
    ])
    func `a header of another form is no key`(_ header: String) async throws {
        try await APIFixture.run { api in
            let value = header.replacing("KEY", with: api.client.key ?? "")
            let reply = try await api.client.send("GET", Self.path, [("Authorization", value)])
            #expect(reply.status == 401, "\(header)")
            #expect(
                try await api.client.send("GET", Self.path, [("authorization", "bEARER \(api.client.key ?? "")")])
                    .status == 200)
        }
    }

    @Test func `two keys at a time are none`() async throws {
        try await APIFixture.run { api in
            let value = "Bearer \(api.client.key ?? "")"
            let twice = [("Authorization", value), ("Authorization", value)]
            let reply = try await api.client.send("GET", Self.path, twice)
            #expect(reply.status == 401)
        }
    }

    @Test func `a new key works at once, and a revoked one no more after seconds`() async throws {
        try await APIFixture.run { api in
            let client = try await api.client([.read])
            #expect(try await client.send("GET", Self.path).status == 200)

            let id = try #require(client.key.flatMap { APIKeyToken($0) }).id
            _ = try await api.ledger.revokeAPIKey(id)

            try await eventually("the key is refused") { try await client.send("GET", Self.path).status == 401 }
        }
    }

    @Test func `a key that expires is refused from then on without a look at the ledger`() async throws {
        try await APIFixture.run { api in
            let client = api.client(try await api.ledger.makeKey([.read], expiresAt: .now() + .seconds(1)))
            #expect(try await client.send("GET", "/v1/workers").status == 200)
            api.ledger.takeAway()

            try await eventually("the key is refused") { try await client.send("GET", "/v1/workers").status == 401 }
        }
    }

    @Test func `requests with good keys ask nothing of the ledger`() async throws {
        try await APIFixture.run { api in
            let first = try await api.client.send("GET", "/v1/workers")
            #expect(first.status == 200)
            let before = api.ledger.calls(of: .apiKeys)
            let start = ContinuousClock.now

            for _ in 0..<200 { #expect(try await api.client.send("GET", "/v1/workers").status == 200) }

            // One every two seconds, whoever asks.
            let elapsed = Int((ContinuousClock.now - start) / .seconds(1))
            #expect(api.ledger.calls(of: .apiKeys) - before <= elapsed / 2 + 2)
        }
    }

    @Test func `however many bad keys come, the ledger is read a few times a second`() async throws {
        try await APIFixture.run { api in
            let start = ContinuousClock.now
            let before = api.ledger.calls(of: .apiKeys)
            await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<100 {
                    group.addTask { try? await api.client(APIKeyToken().text).send("GET", "/v1/workers").status }
                }
                for await status in group { #expect(status == 401) }
            }
            let elapsed = (ContinuousClock.now - start) / .milliseconds(250)
            #expect(api.ledger.calls(of: .apiKeys) - before <= Int(elapsed) + 3)
        }
    }

    @Test func `while the ledger is away known keys are honoured for a while, and others told to come again`()
        async throws
    {
        try await APIFixture.run({ $0.keyOutageMax = .seconds(4) }) { api in
            let fresh = try await api.ledger.makeKey([.read])
            #expect(try await api.client.send("GET", "/v1/workers").status == 200)
            api.ledger.takeAway()

            // What needs the broker alone goes on.
            #expect(try await api.client.send("GET", "/v1/workers").status == 200)
            for key in [APIKeyToken().text, fresh.wrong] {
                let reply = try await api.client(key).send("GET", "/v1/workers")
                #expect(reply.status == 503 && reply.headers["retry-after"] == "1", "\(reply.text)")
            }
            try await eventually("known keys are honoured no more") {
                try await api.client.send("GET", "/v1/workers").status == 503
            }

            api.ledger.bringBack()
            #expect(try await api.client.send("GET", "/v1/workers").status == 200)
        }
    }

    @Test func `an unknown id and a wrong secret take the same time`() async throws {
        try await APIFixture.run { api in
            let good = try await api.ledger.makeKey([.read])
            _ = try await api.client(good).send("GET", "/v1/workers")
            // One after the other each waits for a reading of its own.
            var times: [[Duration]] = [[], []]
            for _ in 0..<8 {
                for (index, key) in [APIKeyToken().text, good.wrong].enumerated() {
                    let start = ContinuousClock.now
                    _ = try await api.client(key).send("GET", "/v1/workers")
                    times[index].append(.now - start)
                }
            }
            let medians = times.map { $0.sorted()[$0.count / 2] }

            #expect(medians.allSatisfy { $0 > .milliseconds(100) }, "\(medians)")
            #expect(medians[0] / medians[1] > 0.5 && medians[0] / medians[1] < 2, "\(medians)")
        }
    }

    @Test func `a key has so many requests a second, and is told when to come again`() async throws {
        try await APIFixture.run { api in
            let client = api.client(try await api.ledger.makeKey([.read], rate: 3))
            var statuses: [Int] = []
            var refused: Reply?
            try await eventually("it is refused") {
                let reply = try await client.send("GET", "/v1/workers")
                statuses.append(reply.status)
                if reply.status == 429 { refused = reply }
                return refused != nil
            }

            #expect(statuses.prefix(3) == [200, 200, 200])
            #expect(refused?.json?["type"]?.string == "/problems/too-many-requests")
            #expect(refused?.headers["retry-after"] == "1")
            // Others have buckets of their own, and this one fills again.
            #expect(try await api.client.send("GET", "/v1/workers").status == 200)
            try await eventually("it is let in again") { try await client.send("GET", "/v1/workers").status == 200 }
        }
    }

    @Test func `a bucket fills at the key's rate, and holds a second's worth`() throws {
        let buckets = RequestBuckets(requestsPerSecond: 10)
        let id = try #require(APIKeyID("abcd1234"))
        var key = APIKey(id: id, name: "x", digest: [], scopes: [], createdAt: .now())
        let start = ContinuousClock.now
        func taken(_ count: Int, at moment: Duration) -> Int {
            (0..<count).count { _ in (try? buckets.take(for: key, now: start + moment)) != nil }
        }

        #expect(taken(20, at: .zero) == 10)
        #expect(taken(20, at: .milliseconds(501)) == 5)
        #expect(taken(20, at: .seconds(100)) == 10)
        let problem = #expect(throws: Problem.self) { try buckets.take(for: key, now: start + .seconds(100)) }
        #expect(problem?.retryAfter == 1)
        key.requestsPerSecond = 1
        #expect(taken(20, at: .seconds(200)) == 1)
    }
}

extension String {
    /// This key with another secret.
    fileprivate var wrong: String { dropLast() + (hasSuffix("A") ? "B" : "A") }
}
