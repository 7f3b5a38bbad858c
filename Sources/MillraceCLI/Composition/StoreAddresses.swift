// SPDX-License-Identifier: Apache-2.0

import RedisDriver

/// Where the stores are: out of the environment alone, since the addresses may hold passwords.
struct StoreAddresses: Sendable {
    static let redisVariable = "REDIS_URL"
    static let databaseVariable = "DATABASE_URL"
    static let authorityVariable = "REDIS_CA_FILE"
    static let memoryVariable = "REDIS_MEMORY_MAX"

    var redisURL: String
    /// A file of PEM certificates that Redis's own is checked against; nil for the system's authorities. PostgreSQL's is
    /// said in its address (`sslrootcert`).
    var redisAuthorityPath: String?
    /// Bytes that Redis may hold, where its own `maxmemory` says more or nothing; nil for its own alone.
    var redisMemoryMax: Int?
    var databaseURL: String

    /// - Throws: `.usage` when there is no address of a database. Redis is looked for on this machine if nothing is
    ///   said; a database is never guessed at, as it is what must not be mistaken for another.
    init(environment: [String: String]) throws(CommandError) {
        redisURL = environment[Self.redisVariable].flatMap { $0.isEmpty ? nil : $0 } ?? "redis://127.0.0.1:6379"
        redisAuthorityPath = environment[Self.authorityVariable].flatMap { $0.isEmpty ? nil : $0 }
        if let text = environment[Self.memoryVariable], !text.isEmpty {
            guard let bytes = Self.bytes(text) else {
                throw CommandError(
                    .usage, "\(Self.memoryVariable): expected bytes, such as 512mb, 4gb or 536870912, at least 1mb")
            }
            redisMemoryMax = bytes
        }
        guard let databaseURL = environment[Self.databaseVariable], !databaseURL.isEmpty else {
            throw CommandError(
                .usage, "\(Self.databaseVariable) is not set; expected postgresql://user:password@host:port/database")
        }
        self.databaseURL = databaseURL
    }

    /// As Redis reads `maxmemory`: `mb` is 2^20.
    private static func bytes(_ text: String) -> Int? {
        let text = text.lowercased()
        let units = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30), ("", 1)]
        guard let (suffix, unit) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Int(text.dropLast(suffix.count))
        else { return nil }
        let (bytes, isTooMuch) = number.multipliedReportingOverflow(by: unit)
        return isTooMuch || bytes < 1 << 20 ? nil : bytes
    }
}

extension RedisConfiguration {
    /// For what asks the server itself, beside the broker.
    init(_ addresses: StoreAddresses) throws(RedisError) {
        try self.init(url: addresses.redisURL)
        certificateAuthorityPath = addresses.redisAuthorityPath
    }
}
