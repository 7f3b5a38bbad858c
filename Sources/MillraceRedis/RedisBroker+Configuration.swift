// SPDX-License-Identifier: Apache-2.0

import RedisDriver

extension RedisBroker {
    /// Where Redis is, and how long it may take.
    public struct Configuration: Sendable {
        /// `redis://[user:password@]host[:port][/database]`, or `rediss` for TLS.
        public var url: String
        /// What every key begins with, 1 to 32 characters of `[a-zA-Z0-9._:-]`. Default `mr`.
        public var keyPrefix = "mr"
        /// A PEM file with the authorities to trust with TLS. Default nil: the system's.
        public var certificateAuthorityPath: String?
        /// How long Redis may take to answer a push. It is only a hint, and somebody may wait for its end. Default 500 ms.
        public var pushDeadline: Duration = .milliseconds(500)
        /// How long Redis may take to answer anything else. Default 2 s.
        public var deadline: Duration = .seconds(2)
        /// How long connecting and log-in may take together. Default 2 s.
        public var connectTimeout: Duration = .seconds(2)

        /// What Redis may hold, where its own `maxmemory` allows more, or does not limit it. Near it, new jobs stay in the
        /// ledger until there is room. Default nil: `maxmemory` alone.
        public var memoryBytesMax: Int?

        public init(url: String) {
            self.url = url
        }

        func redis() throws(RedisError) -> RedisConfiguration {
            var redis = try RedisConfiguration(url: url)
            redis.certificateAuthorityPath = certificateAuthorityPath
            redis.connectTimeout = connectTimeout
            redis.commandDeadline = deadline
            return redis
        }
    }
}
