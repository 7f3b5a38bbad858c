// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Stores as in production: both speak TLS with certificates of an authority of their own, and let Millrace in with a password,
/// as a user who may do no more than the guide says.
struct SecureStores {
    static let password = "s3cret/with@signs"
    static let encodedPassword = "s3cret%2Fwith%40signs"

    let stores: Stores

    /// Turns the plain servers into such; how Millrace reaches them.
    func secure() async throws -> [String: String] {
        try await makeCertificates()
        let redisPort = try await secureRedis()
        let postgresPort = try await securePostgres()
        let login = "jobs:\(Self.encodedPassword)@localhost"
        return [
            "REDIS_URL": "rediss://\(login):\(redisPort)", "REDIS_CA_FILE": authority,
            "DATABASE_URL": "postgresql://\(login):\(postgresPort)/shop?sslmode=verify-full&sslrootcert=\(authority)",
        ]
    }

    private var authority: String { stores.folder.appending(path: "ca.pem").path() }

    private func makeCertificates() async throws {
        try await run([
            "bash", "-euc",
            """
            cd "$1"
            exec 2>/dev/null
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
            echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' >names
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
            cp server.key postgres/data/
            cp server.pem postgres/data/server.crt
            chmod 600 postgres/data/server.key
            chown --reference=postgres/data postgres/data/server.key postgres/data/server.crt
            chmod 755 .
            chmod 644 ca.pem server.pem
            """, "certificates", stores.folder.path(),
        ])
    }

    private func secureRedis() async throws -> String {
        let folder = stores.folder.path()
        let port = "\(Int.random(in: 20_000..<32_000))"
        try await redis(
            "CONFIG", "SET", "tls-ca-cert-file", authority, "tls-cert-file", folder + "/server.pem", "tls-key-file",
            folder + "/server.key", "tls-auth-clients", "no", "tls-port", port)
        try await redis(
            "ACL", "SETUSER", "jobs", "on", ">" + Self.password, "~mr:*", "&mr:*", "+@all", "-@admin", "-@dangerous",
            "+info")
        return port
    }

    private func redis(_ arguments: String...) async throws {
        let answer = try await run(["redis-cli", "-u", try await stores.redisURL()] + arguments)
        guard answer.trimmingNewline == "OK" else { throw Refused(answer: answer) }
    }

    /// The role owns its database and nothing else; without TLS or without the password nobody gets in as it.
    private func securePostgres() async throws -> String {
        _ = try await stores.rows("CREATE ROLE jobs LOGIN PASSWORD '\(Self.password)'")
        _ = try await stores.rows("CREATE DATABASE shop OWNER jobs")
        _ = try await stores.rows("ALTER SYSTEM SET ssl = on")
        let rules = stores.folder.appending(path: "postgres/data/pg_hba.conf")
        let before = try String(contentsOf: rules, encoding: .utf8)
        let strict = """
            hostssl all jobs 127.0.0.1/32 scram-sha-256
            host all jobs all reject

            """
        // In place: the server's own user must go on owning the file.
        let file = try FileHandle(forWritingTo: rules)
        try file.write(contentsOf: Data((strict + before).utf8))
        try file.close()
        _ = try await stores.rows("SELECT pg_reload_conf()")
        _ = try await eventually(within: .seconds(10)) { try await stores.rows("SHOW ssl") == ["on"] }
        let url = try await stores.databaseURL()
        return URLComponents(string: url)?.port.map(String.init) ?? ""
    }

    /// A job from SQL by a role that may do nothing but that.
    func submitAsClerk() async throws {
        let url = try await stores.databaseURL().replacingOccurrences(of: "/postgres", with: "/shop")
        try await run([
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", "CREATE ROLE clerk",
            "-c", "GRANT USAGE ON SCHEMA millrace TO clerk; GRANT EXECUTE ON FUNCTION millrace.enqueue TO clerk",
            "-c", "SET ROLE clerk", "-c", "SELECT millrace.enqueue('diagnostics.echo', '{}')",
        ])
    }

    struct Refused: Error { let answer: String }
}
