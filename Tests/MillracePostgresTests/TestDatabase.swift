// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import MillraceTesting
import PostgresDriver
import Synchronization
import Testing

@testable import MillracePostgres

/// A database of one test's own: a copy of a migrated one, dropped afterwards.
struct TestDatabase: Sendable {
    let url: String

    static let serverURL = ProcessInfo.processInfo.environment["MILLRACE_TEST_DATABASE_URL"]
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `body` on a ledger with a database that holds the schema and nothing else.
    static func withLedger(
        _ configure: (inout PostgresLedger.Configuration) -> Void = { _ in },
        _ body: (PostgresLedger, TestDatabase) async throws -> Void
    ) async throws {
        try await withDatabase(of: try await Template.shared.name) { database in
            try await database.withLedger(configure) { try await body($0, database) }
        }
    }

    /// Runs `body` on a database without a schema.
    static func withEmptyDatabase(_ body: (TestDatabase) async throws -> Void) async throws {
        try await withDatabase(of: "template1", body)
    }

    /// A ledger of a database that is there.
    func withLedger(
        _ configure: (inout PostgresLedger.Configuration) -> Void = { _ in },
        _ body: (PostgresLedger) async throws -> Void
    ) async throws {
        var configuration = configuration
        configure(&configuration)
        let ledger = PostgresLedger(configuration, logger: Self.logger)
        do {
            try await body(ledger)
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }

    var configuration: PostgresLedger.Configuration {
        // Tests share two cores: only those that are about deadlines have short ones.
        PostgresLedger.Configuration(
            url: url, acceptTimeout: .seconds(20), callTimeout: .seconds(20), maintenanceTimeout: .seconds(60))
    }

    /// Runs one statement on a connection of its own.
    @discardableResult
    func run(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> PostgresResult {
        try await Self.run(sql, parameters, at: url)
    }

    func count(_ query: String) async throws -> Int {
        try #require(try await run(query).rows.first).integer(0)
    }

    static func run(_ sql: String, _ parameters: [PostgresValue] = [], at url: String) async throws -> PostgresResult {
        let deadline = ContinuousClock.now + .seconds(60)
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), deadline: deadline)
        do {
            let result = try await connection.query(
                PostgresStatement(name: "test", sql: sql), parameters, deadline: deadline)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The server's, which the URL must name.
    var port: UInt16 {
        get throws {
            let colon = try #require(url.lastIndex(of: ":"))
            return try #require(UInt16(url[url.index(after: colon)...].prefix { $0.isNumber }))
        }
    }

    func url(throughPort port: UInt16) throws -> String {
        url.replacing(":\(try self.port)/", with: ":\(port)/")
    }

    static func make(of template: String) async throws -> TestDatabase {
        let server = try #require(serverURL)
        let name = "millrace_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        // A template is locked for as long as another test copies it.
        await eventually(within: .seconds(60), "database \(name) is made") {
            (try? await run("CREATE DATABASE \(name) TEMPLATE \(template)", at: server)) != nil
        }
        return TestDatabase(url: try url(ofDatabase: name))
    }

    func drop() async throws {
        let name = try #require(url.split(separator: "?")[0].split(separator: "/").last)
        _ = try await Self.run("DROP DATABASE \(name) WITH (FORCE)", at: try #require(Self.serverURL))
    }

    static func url(ofDatabase name: String) throws -> String {
        let parts = try #require(serverURL).split(separator: "?", maxSplits: 1)
        let slash = try #require(parts[0].lastIndex(of: "/"))
        return parts[0][...slash] + name + (parts.count > 1 ? "?" + parts[1] : "")
    }

    private static func withDatabase(
        of template: String, _ body: (TestDatabase) async throws -> Void
    ) async throws {
        let database = try await make(of: template)
        do {
            try await body(database)
        } catch {
            try? await database.drop()
            throw error
        }
        try await database.drop()
    }
}

/// The migrated database that others are copies of, made once by each run and replaced by the next.
private actor Template {
    static let shared = Template()

    private var making: Task<String, any Error>?

    var name: String {
        get async throws {
            if let making { return try await making.value }
            // All tests wait for the one that came first, and none may cancel it for the others.
            let task = Task { try await Self.make() }
            making = task
            return try await task.value
        }
    }

    private static func make() async throws -> String {
        let name = "millrace_template"
        let server = try #require(TestDatabase.serverURL)
        _ = try await TestDatabase.run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)", at: server)
        _ = try await TestDatabase.run("CREATE DATABASE \(name)", at: server)
        _ = try await PostgresLedger.migrate(
            PostgresLedger.Configuration(url: try TestDatabase.url(ofDatabase: name)), logger: TestDatabase.logger)
        return name
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPostgres: Self {
        .enabled(if: TestDatabase.serverURL != nil, "needs MILLRACE_TEST_DATABASE_URL, of a superuser")
    }
}
