// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillracePostgres
import MillraceTesting
import PostgresDriver
import Testing

@testable import Storefront

@Suite("BlobSweeper", .needsPostgres) struct BlobSweeperTests {
    private struct Killed: Error {}

    private static func sweep(_ fixture: PhotoFixture) async throws -> Int {
        try await BlobSweeper(files: fixture.files, logger: PhotoDatabase.logger).sweep()
    }

    /// As a process leaves it that ends between the blob and the commit of its row.
    @discardableResult
    private static func orphan(_ fixture: PhotoFixture, _ bytes: [UInt8]) async throws -> BlobDigest {
        let blob = try await fixture.files.blobs().stage()
        try bytes.withUnsafeBytes { try blob.append($0) }
        let digest = try blob.seal()
        await #expect(throws: Killed.self) {
            try await fixture.ledger.transaction { transaction in
                try BlobLock.share([digest], in: transaction)
                try blob.publish()
                throw Killed()
            }
        }
        return digest
    }

    @Test func `a blob without a row goes after a day`() async throws {
        try await PhotoFixture.with { fixture in
            try await Self.orphan(fixture, [1, 2, 3])

            #expect(try await Self.sweep(fixture) == 0)
            #expect(fixture.blobs.count == 1)
            try fixture.folder.age(by: 90_000)
            #expect(try await Self.sweep(fixture) == 1)
            #expect(fixture.folder.files.isEmpty)
        }
    }

    @Test func `what a photo refers to stays, however old it is`() async throws {
        try await PhotoFixture.with { fixture in
            let (_, job) = try await fixture.store(try SamplePicture.noise(300, 200).encoded(".png"))
            _ = try await fixture.run(job).get()
            let before = fixture.blobs
            try fixture.folder.age(by: 1_000_000)

            #expect(try await Self.sweep(fixture) == 0)

            #expect(fixture.blobs == before)
        }
    }

    @Test func `an upload that was cut off goes after a day`() async throws {
        try await PhotoFixture.with { fixture in
            let blob = try await fixture.files.blobs().stage()
            try fixture.folder.age(by: 90_000)

            #expect(try await Self.sweep(fixture) == 1)

            #expect(fixture.folder.files.isEmpty)
            withExtendedLifetime(blob) {}
        }
    }

    @Test func `a blob is not deleted while a transaction is about to refer to it`() async throws {
        try await PhotoFixture.with { fixture in
            let digest = try await Self.orphan(fixture, [9, 9, 9])
            try fixture.folder.age(by: 90_000)
            let connection = try await fixture.database.connect()
            let deadline = ContinuousClock.now + .seconds(60)
            func run(_ statement: PostgresStatement, _ parameters: [PostgresValue] = []) async throws {
                _ = try await connection.query(statement, parameters, deadline: deadline)
            }
            let key = Int64(bitPattern: digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
            try await run(PostgresStatement(name: "begin", sql: "BEGIN"))
            try await run(StorefrontStatements.shareBlobLock, [.int8(key)])

            async let swept = Self.sweep(fixture)
            await eventually(within: .seconds(30), "the sweep waits for the lock") {
                (try? await fixture.database.count(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")) == 1
            }
            try await run(
                StorefrontStatements.insertPhoto,
                [
                    .uuid(PhotoID().bytes), .uuid(PhotoID().bytes), .int8(3), .int4(1), .int4(1), .text("png"),
                    .bytea(digest.bytes), .uuid(nil),
                ])
            try await run(PostgresStatement(name: "commit", sql: "COMMIT"))

            #expect(try await swept == 0)
            #expect(fixture.blobs.count == 1)
            await connection.close()
        }
    }

    @Test func `another database's blobs in the same folder are left alone`() async throws {
        try await PhotoFixture.with { fixture in
            let other = LocalBlobStore(root: fixture.folder.path, name: "00000000-0000-7000-8000-000000000000")
            let blob = try other.stage()
            _ = try blob.seal()
            try blob.publish()
            try fixture.folder.age(by: 90_000)

            #expect(try await Self.sweep(fixture) == 0)

            #expect(fixture.blobs.count == 1)
        }
    }

    @Test func `every query is understood by the server`() async throws {
        try await PhotoFixture.with { fixture in
            for (index, statement) in StorefrontStatements.all.enumerated() {
                try await fixture.database.run("PREPARE test_\(index) AS \(statement.sql)")
            }
        }
    }
}
