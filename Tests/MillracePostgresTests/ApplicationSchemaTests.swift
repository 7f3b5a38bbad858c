// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import PostgresDriver
import Testing

@testable import MillracePostgres

@Suite("ApplicationSchema", .needsPostgres) struct ApplicationSchemaTests {
    private static let schema = ApplicationSchema(
        name: "s\"hop",
        migrations: [
            Migration(name: "m0001_create_goods", sql: "CREATE TABLE \"s\"\"hop\".goods (id integer)"),
            Migration(name: "m0002_add_price", sql: "ALTER TABLE \"s\"\"hop\".goods ADD price integer"),
        ])

    private static func migrate(_ database: TestDatabase) async throws -> [String] {
        var configuration = database.configuration
        configuration.applicationSchema = schema
        return try await PostgresLedger.migrate(configuration, logger: TestDatabase.logger)
    }

    /// What every way to look at the schema says of it; all must say the same.
    private static func faults(_ database: TestDatabase) async throws -> [String] {
        var faults: [String] = []
        try await database.withLedger({ $0.applicationSchema = schema }) { ledger in
            for look in [{ try await ledger.check() }, { try await ledger.requireKnownSchema() }]
                as [() async throws -> Void]
            {
                do {
                    try await look()
                } catch let error as LedgerError {
                    #expect(error.code == .schemaUnknown)
                    faults.append(error.message)
                }
            }
        }
        return faults
    }

    @Test func `it is made after the ledger's, once`() async throws {
        try await TestDatabase.withEmptyDatabase { database in
            let ran = try await Self.migrate(database)
            let ranAgain = try await Self.migrate(database)

            #expect(ran == PostgresLedger.migrations.map(\.name) + ["m0001_create_goods", "m0002_add_price"])
            #expect(ranAgain == [])
            #expect(try await Self.faults(database) == [])
        }
    }

    @Test func `a ledger without it, with a part of it, and with more is refused in the ledger's own words`()
        async throws
    {
        try await TestDatabase.withLedger { ledger, database in
            let all = "the ledger lacks s\"hop.m0001_create_goods, s\"hop.m0002_add_price: run the command `migrate`"
            #expect(try await Self.faults(database) == [all, all])

            _ = try await Self.migrate(database)
            try await database.run("DELETE FROM \"s\"\"hop\".schema_migrations WHERE name = 'm0002_add_price'")
            let one = "the ledger lacks s\"hop.m0002_add_price: run the command `migrate`"
            #expect(try await Self.faults(database) == [one, one])

            try await database.run("INSERT INTO \"s\"\"hop\".schema_migrations (name) VALUES ('m0003_later')")
            let newer = "a newer release has changed the ledger (s\"hop.m0003_later): use that release"
            #expect(try await Self.faults(database) == [newer, newer])
            await #expect(throws: LedgerError.self) { try await Self.migrate(database) }

            // A program without the application does not mind its tables.
            try await ledger.check()
        }
    }

    @Test func `an idempotency key is kept with the transaction that it came with`() async throws {
        struct Abandoned: Error {}
        try await TestDatabase.withLedger { ledger, _ in
            let first = Idempotency(scope: "anyone", key: "k", requestDigest: [1], answer: [7])
            var second = first
            second.answer = [8]
            var other = first
            other.requestDigest = [2]

            await #expect(throws: Abandoned.self) {
                try await ledger.transaction { transaction in
                    _ = try transaction.note(first)
                    throw Abandoned()
                }
            }
            let written = try await ledger.transaction { try $0.note(first) }
            let repeated = try await ledger.transaction { [second] in try $0.note(second) }
            let error = await #expect(throws: LedgerError.self) {
                _ = try await ledger.transaction { [other] in try $0.note(other) }
            }

            #expect(written == .accepted)
            #expect(repeated == .replayed([7]))
            #expect(error?.code == .keyReused)
        }
    }
}
