// SPDX-License-Identifier: Apache-2.0

import Millrace
import RedisDriver
import Testing

@testable import MillraceRedis

@Suite("KeySpace") struct KeySpaceTests {
    @Test func `all keys of a queue share one hash tag`() throws {
        let keys = try #require(KeySpace(prefix: "mr"))

        #expect(
            keys.keys(of: "photos") == [
                "mr:{photos}:jobs", "mr:{photos}:leases", "mr:{photos}:scheduled", "mr:{photos}:meta",
                "mr:{photos}:bell", "mr:{photos}:ready:critical", "mr:{photos}:ready:high",
                "mr:{photos}:ready:normal", "mr:{photos}:ready:low", "mr:{photos}:ready:quarantine",
            ])
        #expect(keys.queues == "mr:queues")
        #expect(keys.workers == "mr:workers")
    }

    @Test(arguments: ["", "a{b", "a}b", "a b", "ä", String(repeating: "a", count: 33)])
    func `a prefix that could reach another hash tag is refused`(_ prefix: String) {
        #expect(KeySpace(prefix: prefix) == nil)
    }
}
