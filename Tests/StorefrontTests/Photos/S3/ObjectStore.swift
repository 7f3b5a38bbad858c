// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

@testable import Storefront

/// An object store that others wrote, which checks every signature, with a part of a bucket for one test.
struct ObjectStore: Sendable {
    /// What happens to a request.
    enum Fault {
        case answer(Int, headers: [String: String] = [:], body: String = "")
        /// It is carried out, but nobody hears of that.
        case lost
        /// Its answer ends in the middle.
        case cut
        /// It is never answered.
        case stall

        /// As S3 tells errors.
        static func error(_ status: Int, _ code: String, headers: [String: String] = [:]) -> Fault {
            .answer(status, headers: headers, body: "<Error><Code>\(code)</Code><Message>because</Message></Error>")
        }
    }

    private final class Server: Sendable {
        let endpoint: String
        let id: String
        let secret: String
        private let process: Mutex<PythonServer>

        init(_ arguments: String...) throws {
            let process = try PythonServer("object_store.py", arguments)
            let said = try process.answer()
            endpoint = try #require(said["endpoint"] as? String)
            id = try #require(said["id"] as? String)
            secret = try #require(said["secret"] as? String)
            self.process = Mutex(process)
        }

        func spoil(_ members: [String: Any]) throws {
            try process.withLock { process in
                try process.say(members)
                _ = try process.answer()
            }
        }
    }

    /// moto takes seconds to start; it ends with the tests.
    private static let shared = Result { try Server() }

    let settings: S3Settings
    private let server: Server
    private let path: String

    /// - Parameters:
    ///   - bucket: one of this name exists.
    ///   - query: behind the place.
    ///   - secret: instead of the right one.
    init(bucket: String = "photos", query: String = "", secret: String? = nil) throws {
        try self.init(try Self.shared.get(), bucket, query, secret, [:])
    }

    /// By TLS, on a server of its own.
    init(authorityIn folder: TemporaryFolder, isTrusted: Bool) throws {
        let trusted = isTrusted ? ["AWS_CA_BUNDLE": folder.path + "/ca.pem"] : [:]
        try self.init(try Server("--tls", folder.path), "photos", "", nil, trusted)
    }

    private init(
        _ server: Server, _ bucket: String, _ query: String, _ secret: String?, _ more: [String: String]
    ) throws {
        self.server = server
        path = "test/\(UUID().uuidString)"
        let environment = [
            "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": server.id,
            "AWS_SECRET_ACCESS_KEY": secret ?? server.secret,
        ]
        settings = try S3Settings(
            place: "s3://\(bucket)/\(path)\(query)", environment: environment.merging(more) { $1 })
    }

    var store: S3BlobStore { S3BlobStore(settings, name: "shop") }

    /// What happens to the next request of a method about an object of this store's.
    func spoil(_ method: String, _ fault: Fault, times: Int = 1) throws {
        var members: [String: Any] = ["method": method, "path": path]
        switch fault {
        case .answer(let status, let headers, let body):
            members.merge(["status": status, "headers": headers, "body": body]) { $1 }
        case .lost: members["lost"] = true
        case .cut: members["cut"] = true
        case .stall: members["stall"] = true
        }
        for _ in 0..<times { try server.spoil(members) }
    }
}

extension BlobStore {
    /// Stages, seals and publishes.
    @discardableResult
    func put(_ bytes: [UInt8]) throws -> BlobDigest {
        let blob = try staged(bytes)
        let digest = try blob.seal()
        try blob.publish()
        return digest
    }

    func staged(_ bytes: [UInt8]) throws -> any StagedBlob {
        let blob = try stage()
        for start in stride(from: 0, to: bytes.count, by: 100_000) {
            try bytes[start..<min(start + 100_000, bytes.count)].withUnsafeBytes { try blob.append($0) }
        }
        return blob
    }

    func get(_ digest: BlobDigest) throws -> [UInt8] {
        let blob = try open(digest)
        // No more comes than there is.
        var bytes = [UInt8](repeating: 0, count: Int(blob.size) + 10)
        let count = try bytes.withUnsafeMutableBytes { try blob.read(into: $0, at: 0) }
        return Array(bytes.prefix(count))
    }
}
