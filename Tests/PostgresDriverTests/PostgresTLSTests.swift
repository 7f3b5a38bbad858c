// SPDX-License-Identifier: Apache-2.0

import Foundation
import PostgresDriver
import Testing

@Suite("PostgreSQL over TLS", .needsPostgres) struct PostgresTLSTests {
    private func withServer(_ body: (PostgresServer, String) async throws -> Void) async throws {
        try await PostgresServer.with { server in
            let certificate = try await server.enableTLS().path()
            let configuration = try server.configuration(options: "sslmode=require")
            try await eventually("the server speaks TLS") {
                (try? await ask(configuration, "SELECT true AS answer")) != nil
            }
            try await body(server, certificate)
        }
    }

    private func ask(_ configuration: PostgresConfiguration, _ statement: PostgresStatement) async throws -> Bool {
        try await TestPostgres.withPool(configuration, size: 1) { pool in
            try await #require(pool.query(statement, deadline: .seconds(10)).rows.first).bool("answer")
        }
    }

    @Test func `the URL's sslmode decides`() async throws {
        let isEncrypted: PostgresStatement = "SELECT ssl AS answer FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        try await withServer { server, certificate in
            let verified = try server.configuration(
                host: "localhost", options: "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=\(certificate)")
            let misnamed = try server.configuration(options: "sslmode=verify-full&sslrootcert=\(certificate)")

            #expect(try await ask(server.configuration(options: "sslmode=disable"), isEncrypted) == false)
            #expect(try await ask(server.configuration(options: "sslmode=require"), isEncrypted))
            #expect(try await ask(verified, isEncrypted))
            let error = try await postgresError { try await ask(misnamed, isEncrypted) }
            #expect(error.message.contains("does not match host name"))
        }
    }

    @Test func `large parameters and results pass, and deadlines hold`() async throws {
        try await withServer { server, _ in
            try await TestPostgres.withPool(server.configuration(options: "sslmode=require"), size: 1) { pool in
                for bytes in [1, 8191, 8192, 16384, 100_000, 20_000_000] {
                    let value = [UInt8](repeating: 7, count: bytes)
                    let result = try await pool.query(
                        "SELECT $1 AS value", [.bytea(value)], deadline: .seconds(30))
                    #expect(try result.rows.first?.bytea("value") == value)
                }

                let error = try await postgresError {
                    try await pool.query("SELECT pg_sleep(30)", deadline: .milliseconds(100))
                }

                #expect(error.code == .deadlineExceeded)
            }
        }
    }
}
