// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Millrace
import NIOCore
import NIOHTTP1
import Testing

@testable import Storefront

@Suite("S3BlobStore", .needsPython) struct S3BlobStoreTests {
    @Test(arguments: [0, 1, 200_000, 4 << 20, (9 << 20) + 7])
    func `bytes come back as they were, under their SHA-256`(count: Int) throws {
        let store = try ObjectStore().store
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

        let digest = try store.put(bytes)

        #expect(digest.bytes == Array(SHA256.hash(data: bytes)))
        #expect(try store.size(of: digest) == Int64(count))
        #expect(try store.get(digest) == bytes)
    }

    @Test func `any part can be read, also across what is fetched at a time`() throws {
        let store = try ObjectStore().store
        let bytes = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        let blob = try store.open(try store.put(bytes))

        for (offset, length) in [(0, 1), (4_194_300, 10), (4_194_304, 5), (100, 1_000_000), (bytes.count - 3, 9)] {
            var buffer = [UInt8](repeating: 0, count: length)
            let read = try buffer.withUnsafeMutableBytes { try blob.read(into: $0, at: Int64(offset)) }
            #expect(Array(buffer.prefix(read)) == Array(bytes[offset..<min(bytes.count, offset + length)]))
        }
    }

    @Test func `a hundred megabytes go through pieces and windows`() throws {
        let store = try ObjectStore().store
        let piece = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 >> 7) }
        let blob = try store.stage()
        for _ in 0..<100 { try piece.withUnsafeBytes { try blob.append($0) } }
        let digest = try blob.seal()
        try blob.publish()

        let reader = try store.open(digest)
        var (hash, buffer) = (SHA256(), [UInt8](repeating: 0, count: 1 << 16))
        for offset in stride(from: 0, to: reader.size, by: buffer.count) {
            let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0, at: offset) }
            hash.update(data: buffer.prefix(count))
        }

        #expect(reader.size == 100 << 20)
        #expect(BlobDigest(of: hash) == digest)
    }

    @Test func `a deleted blob is gone, and can be sent again`() throws {
        let store = try ObjectStore().store
        let blob = try store.staged(Array("again".utf8))
        let digest = try blob.seal()
        try store.delete(digest)
        try store.delete(digest)
        #expect(try store.age(of: digest) == nil)
        #expect(try store.size(of: digest) == nil)
        #expect(throws: BlobError.self) { try store.open(digest) }
        let gone = #expect(throws: BlobError.self) { try blob.publish() }
        #expect(gone?.code == .away)

        try store.put(Array("again".utf8))
        try blob.publish()

        #expect(try store.get(digest) == Array("again".utf8))
        #expect(try #require(try store.age(of: digest)) < .seconds(60))
    }

    @Test func `only old blobs of this store are listed, whatever their number`() throws {
        let server = try ObjectStore()
        let store = server.store
        let digests = try (0..<40).map { try store.put([UInt8($0)]) }
        try S3BlobStore(server.settings, name: "other").put([1, 2, 3])

        let all = try (UInt8.min...UInt8.max).flatMap { try store.blobs(beginningWith: $0, olderThan: .seconds(-60)) }

        #expect(Set(all) == Set(digests))
        #expect(try store.blobs(beginningWith: digests[0].bytes[0], olderThan: .seconds(60)).isEmpty)
    }

    @Test func `a page of a listing says what comes next`() throws {
        let first = """
            <?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix/>\
            <IsTruncated>true</IsTruncated><Contents><LastModified>2026-01-02T03:04:05.000Z</LastModified><Key>a/b&amp;c</Key>\
            <Owner><ID>x</ID></Owner></Contents><NextContinuationToken>t=</NextContinuationToken></ListBucketResult>
            """

        let page = try #require(S3Listing(Array(first.utf8)))

        #expect(page.objects.map(\.key) == ["a/b&c"])
        #expect(page.objects.map(\.writtenAt.rfc3339) == ["2026-01-02T03:04:05.000Z"])
        #expect(page.continuation == "t=")
        for broken in [
            first.replacing("NextContinuationToken", with: "Next"), first.replacing("05.000Z", with: ""), "", "<html/>",
        ] {
            #expect(S3Listing(Array(broken.utf8)) == nil)
        }
    }

    @Test func `as many are sent at a time as there are threads, and more`() async throws {
        let store = try ObjectStore().store

        let digests = try await withThrowingTaskGroup(of: BlobDigest.self) { group in
            for number in 0..<100 {
                group.addTask { try await FileThreads.run { try store.put([UInt8(number), 7]) } }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }

        #expect(digests.count == 100)
    }

    // MARK: - What goes wrong

    @Test func `a wrong secret is told as the service tells it`() throws {
        let server = try ObjectStore(secret: "not-the-secret")

        let error = #expect(throws: BlobError.self) { try server.store.put([1]) }

        #expect(error?.code == .failed)
        #expect(error?.message.contains("SignatureDoesNotMatch") == true, "\(String(describing: error))")
        #expect(error?.message.contains("its clock says") == true, "\(String(describing: error))")
        #expect(error?.message.contains("not-the-secret") == false)
        #expect(throws: BlobError.self) { try S3BlobStore.check(server.settings) }
    }

    @Test func `a bucket that is missing is not taken for blobs that are`() throws {
        let server = try ObjectStore(bucket: "nowhere")
        let digest = try #require(BlobDigest(String(repeating: "ab", count: 32)))
        let calls: [() throws -> Void] = [
            { _ = try server.store.open(digest) }, { _ = try server.store.size(of: digest) },
            { try server.store.put([1]) }, { try server.store.delete(digest) },
            { try S3BlobStore.check(server.settings) },
        ]

        for call in calls {
            let error = #expect(throws: BlobError.self) { try call() }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("NoSuchBucket") == true, "\(String(describing: error))")
        }
        try S3BlobStore.check(try ObjectStore().settings)
    }

    @Test(arguments: [
        ("PUT", ObjectStore.Fault.error(503, "SlowDown")), ("PUT", .lost), ("PUT", .error(400, "RequestTimeout")),
        ("HEAD", .answer(500)), ("GET", .answer(429)), ("GET", .lost), ("GET", .cut),
    ])
    func `what fails for a moment is asked again`(method: String, fault: ObjectStore.Fault) throws {
        let server = try ObjectStore()
        let store = server.store
        if method == "PUT" { try server.spoil(method, fault) }
        let digest = try store.put([7, 8, 9, 10])
        if method != "PUT" { try server.spoil(method, fault, times: 2) }

        #expect(try store.get(digest) == [7, 8, 9, 10])
    }

    @Test func `what goes on failing is given up`() throws {
        let server = try ObjectStore()
        try server.spoil("PUT", .error(503, "SlowDown"), times: 3)

        let error = #expect(throws: BlobError.self) { try server.store.put([1]) }

        #expect(error?.code == .away)
        #expect(error?.message.contains("503 SlowDown") == true)
    }

    @Test func `a redirection is not followed, but told`() throws {
        let server = try ObjectStore()
        let digest = try server.store.put([1])
        let there = server.settings.endpoint.origin + "/photos/elsewhere"
        try server.spoil(
            "PUT",
            .error(301, "PermanentRedirect", headers: ["Location": there, "x-amz-bucket-region": "eu-north-1"]))
        try server.spoil("HEAD", .answer(307, headers: ["Location": there, "x-amz-bucket-region": "eu-north-1"]))

        for call in [{ _ = try server.store.put([1]) }, { _ = try server.store.size(of: digest) }] {
            let error = #expect(throws: BlobError.self) { try call() }
            #expect(error?.code == .failed)
            #expect(
                error?.message.contains("the bucket is in eu-north-1, AWS_REGION is us-east-1") == true,
                "\(String(describing: error))")
        }
    }

    @Test func `other bytes than were asked for are refused`() throws {
        let server = try ObjectStore()
        let digest = try server.store.put([1, 2, 3, 4])
        for range in ["bytes 1-4/5", "bytes 0-3/9"] {
            try server.spoil("GET", .answer(206, headers: ["Content-Range": range], body: "abcd"))
            let error = #expect(throws: BlobError.self) { try server.store.get(digest) }
            #expect(error?.code == .failed)
        }
        try server.spoil("GET", .answer(206, headers: ["Content-Range": "bytes 0-3/4"], body: "abc"))
        #expect(throws: BlobError.self) { try server.store.get(digest) }
    }

    @Test func `nobody waits long within a transaction`() throws {
        let server = try ObjectStore()
        let blob = try server.store.staged([1])
        let digest = try blob.seal()
        let calls: [(String, () throws -> Void)] = [
            ("HEAD", { try blob.publish() }), ("DELETE", { try server.store.delete(digest) }),
        ]

        for (method, call) in calls {
            try server.spoil(method, .stall, times: 2)
            let start = ContinuousClock.now
            let error = #expect(throws: BlobError.self) { try call() }
            #expect(error?.code == .away)
            #expect(ContinuousClock.now - start < .seconds(14), "of \(method)")
        }
        // It is asked once, so the second stall is still to come.
        #expect(throws: BlobError.self) { try server.store.delete(digest) }
        try server.store.delete(digest)
    }

    @Test func `a service that is gone is away, and says so soon`() throws {
        let environment = [
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        ]
        let settings = try S3Settings(place: "s3://photos", environment: environment)
        let start = ContinuousClock.now

        let error = #expect(throws: BlobError.self) { try S3BlobStore(settings, name: "shop").put([1]) }

        #expect(error?.code == .away)
        #expect(ContinuousClock.now - start < .seconds(30))
        // It may come back; an operator is not to blame.
        try S3BlobStore.check(settings)
    }

    @Test func `a certificate of nobody's is not believed, one of the operator's is`() throws {
        let folder = try TemporaryFolder()

        let stranger = try ObjectStore(authorityIn: folder, isTrusted: false)
        let error = #expect(throws: BlobError.self) { try stranger.store.put([1]) }
        #expect(error?.message.contains("CERTIFICATE_VERIFY_FAILED") == true, "\(String(describing: error))")

        let known = try ObjectStore(authorityIn: folder, isTrusted: true)
        #expect(try known.store.get(try known.store.put([1])) == [1])
    }
}

@Suite("BlobError of S3") struct S3ErrorTests {
    @Test(arguments: [
        (404, "NoSuchKey", BlobError.Code.missing), (404, "NoSuchBucket", .failed), (503, "SlowDown", .away),
        (503, "", .away), (500, "InternalError", .away), (400, "RequestTimeout", .away), (400, "IncompleteBody", .away),
        (409, "OperationAborted", .away), (429, "", .away), (507, "XMinioStorageFull", .full),
        (403, "QuotaExceeded", .full), (403, "RequestTimeTooSkewed", .failed), (403, "AccessDenied", .failed),
        (400, "AuthorizationHeaderMalformed", .failed), (301, "PermanentRedirect", .failed), (200, "", .failed),
    ])
    func `says what may help`(status: Int, name: String, code: BlobError.Code) throws {
        #expect(try error(status, "<Error><Code>\(name)</Code></Error>").code == code)
    }

    @Test func `of a missing object needs no words, of a missing page it does`() throws {
        #expect(try error(404, "").code == .missing)
        #expect(try error(404, "<html><body>nothing here</body></html>").code == .failed)
    }

    @Test func `is one line, and no longer than is useful`() throws {
        let message = "a&#0;b\nc\u{7}" + String(repeating: "x", count: 1000)

        let said = try error(403, "<Error><Code>No</Code><Message>\(message)</Message></Error>").message

        #expect(said.contains("a b c"))
        #expect(said.count < 400)
        #expect(!said.unicodeScalars.contains { $0.value < 0x20 })
    }

    private func error(_ status: Int, _ body: String) throws -> BlobError {
        let settings = try S3Settings(
            place: "s3://photos", environment: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
        return BlobError(
            .init(status: status, headers: [:], body: .init(string: body)), to: "GET of photos/a", of: settings)
    }
}
