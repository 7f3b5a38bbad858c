// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import PostgresDriver
import Testing

/// The PostgreSQL that tests share, and helpers to wait.
enum TestPostgres {
    static let url = ProcessInfo.processInfo.environment["MILLRACE_TEST_DATABASE_URL"]

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// The database of the suite that runs.
    @TaskLocal static var database = "postgres"

    static func configuration(
        applicationName: String = "millrace-test", settings: [PostgresConfiguration.Setting] = []
    ) throws -> PostgresConfiguration {
        PostgresConfiguration(
            url: try url(database: database), applicationName: applicationName, settings: settings)
    }

    static func url(database: String) throws -> String {
        let url = try #require(url)
        var parts = try #require(URLComponents(string: url))
        parts.path = "/" + database
        return try #require(parts.string)
    }

    static func withPool<Value>(
        _ configuration: PostgresConfiguration? = nil, size: Int = 2, waitersMax: Int = 1024,
        _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        let pool = PostgresPool(
            try configuration ?? self.configuration(), size: size, waitersMax: waitersMax, logger: logger)
        do {
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}

extension PostgresStatement: ExpressibleByStringLiteral {
    init(stringLiteral sql: String) { self.init(name: "test", sql: sql) }
}

/// Gives a suite a database of its own, dropped afterwards.
struct OwnDatabase: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let name = "driver_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await make(name)
        do {
            try await TestPostgres.$database.withValue(name) { try await function() }
        } catch {
            try await drop(name)
            throw error
        }
        try await drop(name)
    }

    private func make(_ name: String) async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            // The template is locked for as long as another suite copies it.
            try await eventually(within: .seconds(60), "the database is made") {
                let refusal = await Self.refusal(of: "CREATE DATABASE \(name)", pool)
                if let refusal, refusal.sqlState != "55006" { throw refusal }
                return refusal == nil
            }
        }
    }

    private func drop(_ name: String) async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            if let refusal = await Self.refusal(of: "DROP DATABASE \(name) WITH (FORCE)", pool) { throw refusal }
        }
    }

    private static func refusal(of sql: String, _ pool: PostgresPool) async -> PostgresError? {
        do throws(PostgresError) {
            _ = try await pool.query(PostgresStatement(name: "database", sql: sql), deadline: .seconds(30))
            return nil
        } catch {
            return error
        }
    }
}

extension Trait where Self == OwnDatabase {
    static var ownDatabase: Self { OwnDatabase() }
}

extension Trait where Self == ConditionTrait {
    static var needsPostgres: Self {
        .enabled(if: TestPostgres.url != nil, "needs MILLRACE_TEST_DATABASE_URL, of a superuser")
    }
}

/// The error that `body` throws.
func postgresError<Value>(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async throws -> PostgresError {
    do {
        _ = try await body()
    } catch {
        return try #require(error as? PostgresError, "\(error)", sourceLocation: sourceLocation)
    }
    return try #require(nil as PostgresError?, "no error was thrown", sourceLocation: sourceLocation)
}
