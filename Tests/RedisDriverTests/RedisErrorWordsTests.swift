// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import RedisDriver

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Words of errors") struct RedisErrorWordsTests {
    @Test func `an error of the system is told in the system's words alone`() {
        let error = IOError(errnoCode: ECONNREFUSED, reason: "connect(descriptor:addr:size:)")

        #expect(RedisError.words(of: error) == "Connection refused")
        #expect(RedisError.words(of: RedisError(.unavailable, "gone")) == "gone")
    }
}
