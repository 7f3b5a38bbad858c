// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore
import NIOHTTP1

/// Blobs as objects in a bucket of an S3-compatible service.
///
///     PREFIX/NAME/objects/ab/abcdef…   under the hexadecimal digits of their SHA-256, as in a folder
///
/// What is staged lies in a nameless file on this machine. It is sent to the service when it is sealed, before any transaction
/// begins; publishing then merely makes sure that it is still there. The service is told the SHA-256 of what it is sent, and
/// refuses other bytes.
struct S3BlobStore: BlobStore {
    private static let pageLength = 1000
    /// A page has a thousand entries of 300 bytes, and room for what else a service may say of them.
    private static let pageBytesMax = 2 << 20
    /// Of objects whose names begin with one byte: 256 million in all.
    private static let pagesMax = 1000

    private let client: S3Client
    /// What the names of this store's objects begin with.
    private let root: String

    /// - Parameter name: the store's own, within the bucket and the prefix.
    init(_ settings: S3Settings, name: String) {
        client = S3Client(settings)
        root = "\(settings.prefix)\(name)/objects/"
    }

    /// Asks for the bucket.
    /// - Throws: `.failed` when the service refuses: there is no such bucket, or not for us, or not in this region.
    static func check(_ settings: S3Settings) throws(BlobError) {
        do throws(BlobError) {
            _ = try page(S3Client(settings), prefix: settings.prefix, limit: 1, patience: .brief)
        } catch {
            guard error.code == .away else { throw error }
        }
    }

    func stage() throws(BlobError) -> any StagedBlob {
        S3StagedBlob(
            client, root: root, file: HashedFile(try TemporaryFile.open(in: client.settings.temporaryFolder)))
    }

    func open(_ digest: BlobDigest) throws(BlobError) -> any BlobReader {
        guard let size = try size(of: digest, patience: .usual) else {
            throw BlobError(.missing, "there is no object \(client.settings.bucket)/\(key(digest))")
        }
        return S3BlobReader(client, key: key(digest), size: size)
    }

    func size(of digest: BlobDigest) throws(BlobError) -> Int64? { try size(of: digest, patience: .brief) }

    private func size(of digest: BlobDigest, patience: S3Client.Patience) throws(BlobError) -> Int64? {
        if let size = try client.size(ofObject: key(digest), patience) { return size }
        // The same answer is given where it is the bucket that is missing; a listing tells, and throws.
        _ = try Self.page(client, prefix: key(digest), limit: 1, patience: patience)
        return nil
    }

    var deletesLate: Bool { true }

    func delete(_ digest: BlobDigest) throws(BlobError) {
        do throws(BlobError) {
            _ = try client.send(.DELETE, key(digest), patience: .once)
        } catch {
            guard error.code == .missing else { throw error }
        }
    }

    func age(of digest: BlobDigest) throws(BlobError) -> Duration? {
        let key = key(digest)
        let page = try Self.page(client, prefix: key, limit: 1, patience: .brief)
        return page.objects.first { $0.key == key }.map { .now() - $0.writtenAt }
    }

    func blobs(beginningWith byte: UInt8, olderThan age: Duration) throws(BlobError) -> [BlobDigest] {
        let prefix = "\(root)\(Hexadecimal.digits(of: [byte]))/"
        var found: [BlobDigest] = []
        var continuation: String?
        for _ in 0..<Self.pagesMax {
            let page = try Self.page(client, prefix: prefix, after: continuation, limit: Self.pageLength)
            for object in page.objects where object.key.hasPrefix(prefix) {
                guard let digest = BlobDigest(String(object.key.dropFirst(prefix.count))),
                    .now() - object.writtenAt > age
                else { continue }
                found.append(digest)
            }
            guard let next = page.continuation else { return found }
            continuation = next
        }
        throw BlobError(.failed, "over \(Self.pagesMax) pages of objects below \(client.settings.bucket)/\(prefix)")
    }

    /// Nothing: a nameless file goes with its process.
    func removeStaged(olderThan age: Duration) throws(BlobError) -> Int { 0 }

    func link(to digest: BlobDigest, contentType: String) -> BlobLink? {
        guard let duration = client.settings.linkDuration else { return nil }
        let url = client.link(to: key(digest), query: [("response-content-type", contentType)], for: duration)
        return BlobLink(url: url, duration: duration)
    }

    private func key(_ digest: BlobDigest) -> String { digest.key(root) }

    private static func page(
        _ client: S3Client, prefix: String, after continuation: String? = nil, limit: Int,
        patience: S3Client.Patience = .usual
    ) throws(BlobError) -> S3Listing {
        var query = [(name: "list-type", value: "2"), ("prefix", prefix), ("max-keys", "\(limit)")]
        if let continuation { query.append(("continuation-token", continuation)) }
        let bytesMax = limit == 1 ? S3Client.answerBytesMax : pageBytesMax
        do throws(BlobError) {
            let reply = try client.send(.GET, "", query: query, bytesMax: bytesMax, patience: patience)
            guard let page = S3Listing(Array(reply.body.readableBytesView)) else {
                throw BlobError(.failed, "the listing of \(client.settings.bucket)/\(prefix) cannot be read")
            }
            return page
        } catch {
            // It is the bucket that is missing, not a blob.
            throw error.code == .missing ? BlobError(.failed, error.message) : error
        }
    }
}

/// Bytes on their way into the bucket.
final class S3StagedBlob: StagedBlob {
    private let client: S3Client
    private let root: String
    private let file: HashedFile

    fileprivate init(_ client: S3Client, root: String, file: HashedFile) {
        self.client = client
        self.root = root
        self.file = file
    }

    var size: Int64 { file.size }

    func append(_ bytes: UnsafeRawBufferPointer) throws(BlobError) { try file.append(bytes) }

    /// Sends the bytes also where an equal object lies: that makes it young again, so that no sweep takes it for left behind.
    func seal() throws(BlobError) -> BlobDigest {
        let digest = file.finish()
        _ = try client.send(.PUT, digest.key(root), body: file)
        return digest
    }

    /// One small request: the bytes themselves may take longer than a transaction should.
    func publish() throws(BlobError) {
        guard let digest = file.digest else { preconditionFailure("only a sealed blob can be published") }
        let key = digest.key(root)
        guard try client.size(ofObject: key, .brief) == size else {
            throw BlobError(.away, "\(client.settings.bucket)/\(key) was deleted after it had been sent")
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int {
        try file.read(into: buffer, at: offset)
    }
}

extension BlobDigest {
    /// An object's name.
    fileprivate func key(_ root: String) -> String { "\(root)\(description.prefix(2))/\(description)" }
}

extension S3Client {
    /// nil when the service knows no such object, or no such bucket.
    fileprivate func size(ofObject key: String, _ patience: Patience) throws(BlobError) -> Int64? {
        let reply: Reply
        do throws(BlobError) {
            reply = try send(.HEAD, key, patience: patience)
        } catch {
            if error.code == .missing { return nil }
            throw error
        }
        guard let size = reply.headers.first(name: "content-length").flatMap({ Int64($0) }), size >= 0 else {
            throw BlobError(.failed, "HEAD of \(settings.bucket)/\(key): answered without a length")
        }
        return size
    }
}
