// SPDX-License-Identifier: Apache-2.0

import RedisDriver

/// Where the stores are: out of the environment alone, since the addresses may hold passwords.
struct StoreAddresses: Sendable {
    static let redisVariable = "REDIS_URL"
    static let databaseVariable = "DATABASE_URL"
    static let authorityVariable = "REDIS_CA_FILE"

    var redisURL: String
    /// A file of PEM certificates that Redis's own is checked against; nil for the system's authorities. PostgreSQL's is
    /// said in its address (`sslrootcert`).
    var redisAuthorityPath: String?
    var databaseURL: String

    /// - Throws: `.usage` when there is no address of a database. Redis is looked for on this machine if nothing is
    ///   said; a database is never guessed at, as it is what must not be mistaken for another.
    init(environment: [String: String]) throws(CommandError) {
        redisURL = environment[Self.redisVariable].flatMap { $0.isEmpty ? nil : $0 } ?? "redis://127.0.0.1:6379"
        redisAuthorityPath = environment[Self.authorityVariable].flatMap { $0.isEmpty ? nil : $0 }
        guard let databaseURL = environment[Self.databaseVariable], !databaseURL.isEmpty else {
            throw CommandError(
                .usage, "\(Self.databaseVariable) is not set; expected postgresql://user:password@host:port/database")
        }
        self.databaseURL = databaseURL
    }
}

extension RedisConfiguration {
    /// For what asks the server itself, beside the broker.
    init(_ addresses: StoreAddresses) throws(RedisError) {
        try self.init(url: addresses.redisURL)
        certificateAuthorityPath = addresses.redisAuthorityPath
    }
}
