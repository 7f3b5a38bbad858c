// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite("APIKey") struct APIKeyTests {
    private func key(scopes: Set<APIScope>, queues: Set<QueueName>? = nil) throws -> APIKey {
        APIKey(
            id: try #require(APIKeyID("abcd1234")), name: "test", digest: [], scopes: scopes, queues: queues,
            createdAt: Timestamp(unixMilliseconds: 1000), expiresAt: Timestamp(unixMilliseconds: 2000))
    }

    @Test func `a scope allows itself, and only two of them allow more`() throws {
        for scope in APIScope.allCases {
            for other in APIScope.allCases {
                let isMore = scope == .admin || (scope == .readPayload && other == .read)
                #expect(try key(scopes: [scope]).allows(other) == (scope == other || isMore), "\(scope) \(other)")
            }
            #expect(try !key(scopes: []).allows(scope))
        }
    }

    @Test func `a key is for all queues, for some or for none`() throws {
        #expect(try key(scopes: []).isFor("photos"))
        #expect(try key(scopes: [], queues: ["photos"]).isFor("photos"))
        #expect(try !key(scopes: [], queues: ["photos"]).isFor("email"))
        #expect(try !key(scopes: [], queues: []).isFor("photos"))
    }

    @Test func `a key ends when it expires, and at once when it is revoked`() throws {
        var key = try key(scopes: [])

        #expect(key.state(at: Timestamp(unixMilliseconds: 1999)) == .active)
        #expect(key.state(at: Timestamp(unixMilliseconds: 2000)) == .expired)
        key.revokedAt = Timestamp(unixMilliseconds: 1500)
        #expect(key.state(at: Timestamp(unixMilliseconds: 1400)) == .revoked)
        key.revokedAt = nil
        key.expiresAt = nil
        #expect(key.state(at: Timestamp(unixMilliseconds: .max)) == .active)
    }

    @Test(arguments: ["", "abc", "abcdefghi", "Abcd1234", "abcd-234", "abcdé12"])
    func `an id is eight small letters or digits`(text: String) {
        #expect(APIKeyID(text) == nil)
    }

    @Test func `new ids are valid, and differ`() {
        var generator = SplitMix64(seed: 7)
        let ids = (0..<1000).map { _ in APIKeyID(using: &generator) }

        #expect(ids.allSatisfy { APIKeyID($0.description) == $0 })
        #expect(Set(ids).count == ids.count)
    }
}
