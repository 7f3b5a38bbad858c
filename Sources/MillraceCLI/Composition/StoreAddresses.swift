// SPDX-License-Identifier: Apache-2.0

/// Where the stores are: out of the environment alone, since the addresses may hold passwords.
struct StoreAddresses: Sendable {
    static let redisVariable = "REDIS_URL"
    static let databaseVariable = "DATABASE_URL"

    var redisURL: String
    var databaseURL: String

    /// - Throws: `.usage` when there is no address of a database. Redis is looked for on this machine if nothing is
    ///   said; a database is never guessed at, as it is what must not be mistaken for another.
    init(environment: [String: String]) throws(CommandError) {
        redisURL = environment[Self.redisVariable].flatMap { $0.isEmpty ? nil : $0 } ?? "redis://127.0.0.1:6379"
        guard let databaseURL = environment[Self.databaseVariable], !databaseURL.isEmpty else {
            throw CommandError(
                .usage, "\(Self.databaseVariable) is not set; expected postgresql://user:password@host:port/database")
        }
        self.databaseURL = databaseURL
    }
}
