// SPDX-License-Identifier: Apache-2.0

/// A Lua script that Redis runs by the SHA-1 of its source.
///
/// Make it once and keep it. Callers never see NOSCRIPT: after a restart, a failover or `SCRIPT FLUSH` the first run
/// sends the source, which loads it again.
package struct RedisScript: Hashable, Sendable {
    /// For messages, such as `reserve-lease`.
    package let name: String
    package let source: String
    /// What Redis calls the script: 40 hexadecimal digits.
    package let digest: String

    package init(name: String, source: String) {
        self.name = name
        self.source = source
        self.digest = SHA1.hexDigest(of: Array(source.utf8))
    }

    func evaluateByDigest(keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        RedisCommand(["EVALSHA", .text(digest), .integer(keys.count)] + keys + arguments)
    }

    func evaluateSource(keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        RedisCommand(["EVAL", .text(source), .integer(keys.count)] + keys + arguments)
    }
}
