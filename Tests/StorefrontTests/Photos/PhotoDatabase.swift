// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres
@testable import Storefront

/// A database of one test's own, with the ledger's and the application's tables, dropped afterwards.
struct PhotoDatabase: Sendable {
    static let serverURL = ProcessInfo.processInfo.environment["MILLRACE_TEST_DATABASE_URL"]
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let url: String

    static func with(_ body: (PostgresLedger, PhotoDatabase) async throws -> Void) async throws {
        let server = try #require(serverURL)
        let name = "storefront_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        // A template is locked for as long as another test copies it.
        await eventually(within: .seconds(60), "database \(name) is made") {
            (try? await run("CREATE DATABASE \(name) TEMPLATE template0", at: server)) != nil
        }
        let database = PhotoDatabase(url: try url(ofDatabase: name, at: server))
        do {
            try await database.withLedger(body)
        } catch {
            _ = try? await run("DROP DATABASE \(name) WITH (FORCE)", at: server)
            throw error
        }
        _ = try await run("DROP DATABASE \(name) WITH (FORCE)", at: server)
    }

    private func withLedger(_ body: (PostgresLedger, PhotoDatabase) async throws -> Void) async throws {
        // Tests share two cores.
        var configuration = PostgresLedger.Configuration(
            url: url, acceptTimeout: .seconds(20), callTimeout: .seconds(20), maintenanceTimeout: .seconds(60))
        configuration.applicationSchema = StorefrontSchema.schema
        _ = try await PostgresLedger.migrate(configuration, logger: Self.logger)
        let ledger = PostgresLedger(configuration, logger: Self.logger)
        do {
            try await body(ledger, self)
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }

    @discardableResult
    func run(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> PostgresResult {
        try await Self.run(sql, parameters, at: url)
    }

    func count(_ query: String) async throws -> Int {
        try #require(try await run(query).rows.first).integer(0)
    }

    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(PostgresConfiguration(url: url), deadline: .now + .seconds(60))
    }

    private static func run(
        _ sql: String, _ parameters: [PostgresValue] = [], at url: String
    ) async throws -> PostgresResult {
        let deadline = ContinuousClock.now + .seconds(60)
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), deadline: deadline)
        let result: PostgresResult
        do {
            result = try await connection.query(
                PostgresStatement(name: "test", sql: sql), parameters, deadline: deadline)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return result
    }

    private static func url(ofDatabase name: String, at server: String) throws -> String {
        let parts = server.split(separator: "?", maxSplits: 1)
        let slash = try #require(parts[0].lastIndex(of: "/"))
        return parts[0][...slash] + name + (parts.count > 1 ? "?" + parts[1] : "")
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPostgres: Self {
        .enabled(if: PhotoDatabase.serverURL != nil, "needs MILLRACE_TEST_DATABASE_URL, of a superuser")
    }
}
