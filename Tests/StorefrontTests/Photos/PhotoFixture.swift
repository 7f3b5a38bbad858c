// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdCore
import Millrace
import MillraceAPI
import MillracePostgres
import MillraceTesting
import NIOCore
import PostgresDriver
import Testing

@testable import Storefront

/// Photo storage with a folder of its own.
struct PhotoFixture: ApplicationFixture {
    let folder: TemporaryFolder
    let database: PhotoDatabase
    let ledger: PostgresLedger
    let files: PhotoFiles
    let table: RouteTable
    let handlers: JobHandlers

    /// - Parameters:
    ///   - bucket: where the blobs are; a folder of the fixture's own when it is left out.
    ///   - wrap: what stands before the blob store.
    static func with(
        bucket: S3Settings? = nil, wrap: @escaping @Sendable (any BlobStore) -> any BlobStore = { $0 },
        _ body: (PhotoFixture) async throws -> Void
    ) async throws {
        try await PhotoDatabase.with { ledger, database in
            let folder = try TemporaryFolder()
            let place = BlobPlace(opening: { name in
                if let bucket { return wrap(S3BlobStore(bucket, name: name)) }
                return wrap(LocalBlobStore(root: folder.path, name: name))
            })
            var handlers = JobHandlers()
            PhotoStorage(place: place).register(in: &handlers)
            let files = PhotoFiles(ledger: ledger, place: place)
            try await body(
                PhotoFixture(
                    folder: folder, database: database, ledger: ledger, files: files,
                    table: RouteTable(
                        routes: PhotoRoutes(files: files).routes, keys: ClientOfQueue("photos"), users: UserByID()),
                    handlers: handlers))
        }
    }

    /// The same, asked by somebody else.
    func asked(by keys: any Authenticator, users: (any Authenticator)? = nil) -> PhotoFixture {
        asked(at: RouteTable(routes: PhotoRoutes(files: files).routes, keys: keys, users: users))
    }

    func asked(at table: RouteTable) -> PhotoFixture {
        PhotoFixture(
            folder: folder, database: database, ledger: ledger, files: files, table: table, handlers: handlers)
    }

    /// Makes an account; the token of its user.
    func user(_ email: String) async throws -> String {
        let id = UserID()
        try await database.run(
            "INSERT INTO storefront.users (id, email, name, password_hash) VALUES ($1, $2, 'A', '$argon2id$')",
            [.uuid(id.bytes), .text(email)])
        return UserByID.prefix + id.description
    }

    // MARK: as a client

    func upload(_ file: [UInt8], token: String = "test", headers: HTTPFields = [:]) async throws -> Reply {
        var all: HTTPFields = [.contentLength: "\(file.count)", .contentType: "application/x-www-form-urlencoded"]
        all.append(contentsOf: headers)
        return try await send(.post, "/v1/photos", token: token, headers: all, body: Self.pieces(of: file))
    }

    func store(_ file: [UInt8], token: String = "test") async throws -> (photo: String, job: JobID) {
        let reply = try await upload(file, token: token)
        try #require(reply.status == 202, "\(String(decoding: reply.body, as: UTF8.self))")
        let json = try reply.json
        let photo = try #require((json["photo"] as? [String: String])?["id"])
        return (photo, try #require(((json["job"] as? [String: String])?["id"]).flatMap { JobID($0) }))
    }

    /// As a connection delivers it.
    static func pieces(of file: [UInt8], length: Int = 1000) -> RequestBody {
        RequestBody(
            asyncSequence: AsyncStream { continuation in
                for start in stride(from: 0, to: file.count, by: length) {
                    continuation.yield(ByteBuffer(bytes: file[start..<min(file.count, start + length)]))
                }
                continuation.finish()
            })
    }

    /// The paths of published blobs.
    var blobs: [String] { folder.files.filter { $0.contains("/objects/") } }
    var staged: [String] { folder.files.filter { $0.contains("/incoming/") } }

    func contents(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(path)")))
    }
}

/// A blob store in which a test can meddle.
struct MeddledBlobStore: BlobStore {
    let store: any BlobStore
    var beforeStage: @Sendable () throws(BlobError) -> Void = {}

    func stage() throws(BlobError) -> any StagedBlob {
        try beforeStage()
        return try store.stage()
    }

    func open(_ digest: BlobDigest) throws(BlobError) -> any BlobReader { try store.open(digest) }
    func delete(_ digest: BlobDigest) throws(BlobError) { try store.delete(digest) }
    func age(of digest: BlobDigest) throws(BlobError) -> Duration? { try store.age(of: digest) }

    func blobs(beginningWith byte: UInt8, olderThan age: Duration) throws(BlobError) -> [BlobDigest] {
        try store.blobs(beginningWith: byte, olderThan: age)
    }

    func size(of digest: BlobDigest) throws(BlobError) -> Int64? { try store.size(of: digest) }
    var deletesLate: Bool { store.deletesLate }

    func link(to digest: BlobDigest, contentType: String) -> BlobLink? {
        store.link(to: digest, contentType: contentType)
    }

    func removeStaged(olderThan age: Duration) throws(BlobError) -> Int { try store.removeStaged(olderThan: age) }
}
