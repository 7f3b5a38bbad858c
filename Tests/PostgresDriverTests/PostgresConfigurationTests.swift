// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PostgresDriver

@Suite("PostgresConfiguration") struct PostgresConfigurationTests {
    private func connectError(_ configuration: PostgresConfiguration) async throws -> PostgresError {
        try await postgresError {
            try await TestPostgres.withPool(configuration, size: 1) { pool in
                try await pool.query("SELECT 1", deadline: .seconds(10))
            }
        }
    }

    @Test(
        .needsPostgres,
        arguments: [
            ("hunter2", "hunter2"), ("hunter%202", "hunter 2"), ("hunt/er", "hunt"), ("hunt@er", "hunt"),
            ("hunt:er", "hunt"), ("hunt%zzer", "hunt"),
        ])
    func `no error shows the password`(written: String, hidden: String) async throws {
        try await PostgresServer.with { server in
            try server.requirePasswords()
            let wrong = try server.configuration(password: "wrong")
            try await eventually("the server asks for passwords") { try await connectError(wrong).sqlState == "28P01" }
            let configuration = try server.configuration(password: written)

            let error = try await connectError(configuration)

            #expect(!"\(error) \(configuration)".contains(hidden), "\(error)")
        }
    }

    @Test(.needsPostgres) func `a wrong password is a fault of the configuration`() async throws {
        try await PostgresServer.with { server in
            try await server.withPool { pool in
                _ = try await pool.query("ALTER ROLE millrace PASSWORD 'right'", deadline: .seconds(10))
            }
            try server.requirePasswords()
            let wrong = try server.configuration(password: "wrong")
            try await eventually("the server asks for passwords") { try await connectError(wrong).sqlState == "28P01" }

            #expect(try await connectError(wrong).code == .configuration)
            try await TestPostgres.withPool(server.configuration(password: "right")) { pool in
                _ = try await pool.query("SELECT 1", deadline: .seconds(10))
            }
        }
    }

    @Test(.needsPostgres) func `a database that is not there is a fault of the configuration`() async throws {
        let error = try await connectError(PostgresConfiguration(url: TestPostgres.url(database: "nowhere")))

        #expect(error.code == .configuration)
        #expect(error.sqlState == "3D000")
        #expect(error.message.contains("\"nowhere\" does not exist"))
    }

    @Test(.needsPostgres) func `an unknown setting is a fault of the configuration`() async throws {
        let error = try await connectError(TestPostgres.configuration(settings: [.init("no_such_setting", "1")]))

        #expect(error.code == .configuration)
        #expect(error.message.contains("no_such_setting"))
    }

    @Test func `a URL that cannot be read is not shown`() async throws {
        let error = try await connectError(PostgresConfiguration(url: "postgresql://me:hunter2@host:port:port/x y"))

        #expect(error.code == .configuration || error.code == .unavailable)
        #expect(!"\(error)".contains("hunter2"))
    }

    @Test func `an address where nobody listens is named`() async throws {
        let error = try await connectError(PostgresConfiguration(url: "postgresql://me:hunter2@127.0.0.1:1/x"))

        #expect(error.code == .unavailable)
        #expect(error.message.hasPrefix("no connection to 127.0.0.1:1/x: "))
        #expect(error.message.contains("Connection refused"))
        #expect(!"\(error)".contains("hunter2"))
    }

    @Test func `libpq's lines and tabs become one line`() {
        let text =
            "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n"
            + "\tIs the server running on that host and accepting TCP/IP connections?\n"

        #expect(
            PostgresSession.oneLine(text)
                == "connection to server at \"127.0.0.1\", port 1 failed: Connection refused; "
                + "Is the server running on that host and accepting TCP/IP connections?")
    }
}
