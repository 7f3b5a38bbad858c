// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import HTTPTypes
import HummingbirdCore
import Millrace
import MillracePostgres
import MillraceTesting
import NIOCore
import Testing

@testable import Storefront

@Suite("PhotoRoutes", .needsPostgres) struct PhotoRoutesTests {
    @Test func `an upload is kept byte for byte, with its row and its job`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SampleFile.phoneJPEG(.noise(300, 200), orientation: 6)

            let reply = try await fixture.upload(file)

            #expect(reply.status == 202)
            let (photo, job) = (
                try reply.json["photo"] as? [String: String], try reply.json["job"] as? [String: String]
            )
            let id = try #require(photo?["id"])
            #expect(photo?["url"] == "/v1/photos/\(id)")
            #expect(job?["url"] == "/v1/jobs/\(job?["id"] ?? "")")
            #expect(reply.headers[.location] == "/v1/photos/\(id)")
            let digest = try #require(BlobDigest(bytes: Array(SHA256.hash(data: file))))
            #expect(fixture.blobs.map { $0.hasSuffix("/\(digest)") } == [true])
            #expect(try fixture.contents(fixture.blobs[0]) == file)
            #expect(fixture.staged.isEmpty)
            let flagged = try await fixture.ledger.flagged(limit: 10)
            #expect(flagged.map { "\($0.id)" } == [job?["id"]])
            #expect(flagged.first?.queue == "photos")
            let pushed = try await fixture.ledger.pushable(flagged.map(\.id), bytesMax: 1).first?.job
            #expect(pushed?.envelope.maxAttempts == 10)
            #expect(pushed?.envelope.timeout == .seconds(120))
        }
    }

    @Test func `a user gets at photos of that user alone, a program at all`() async throws {
        try await PhotoFixture.with { fixture in
            let ana = try await fixture.user("ana@example.org")
            let bea = try await fixture.user("bea@example.org")
            let file = try SampleFile.phoneJPEG()
            let (photo, job) = try await fixture.store(file, token: ana)
            _ = try await fixture.run(job).get()
            let ofProgram = try await fixture.store(file).photo
            func statuses(_ method: HTTPRequest.Method, _ path: String) async throws -> [Int] {
                var statuses: [Int] = []
                for token in [bea, ana] {
                    statuses.append(try await fixture.send(method, path, token: token).status)
                }
                return statuses
            }

            #expect(try await statuses(.get, "/v1/photos/\(photo)") == [404, 200])
            #expect(try await statuses(.get, "/v1/photos/\(photo)/256.webp") == [404, 200])
            #expect(try await statuses(.get, "/v1/photos/\(ofProgram)") == [404, 404])
            #expect(try await statuses(.delete, "/v1/photos/\(ofProgram)") == [404, 404])
            #expect(try await fixture.send(.get, "/v1/photos/\(photo)").status == 200)
            #expect(try await fixture.send(.get, "/v1/photos/\(ofProgram)").status == 200)
            #expect(try await statuses(.delete, "/v1/photos/\(photo)") == [404, 204])
            #expect(try await fixture.send(.get, "/v1/photos/\(photo)").status == 404)
        }
    }

    @Test func `users' idempotency keys do not meet`() async throws {
        try await PhotoFixture.with { fixture in
            let (file, key) = (try SampleFile.phoneJPEG(), try #require(HTTPField.Name("Idempotency-Key")))
            var photos: Set<String> = []
            for email in ["ana@example.org", "bea@example.org"] {
                let token = try await fixture.user(email)
                for _ in 0..<2 {
                    let reply = try await fixture.upload(file, token: token, headers: [key: "k"])
                    photos.insert(try #require((reply.json["photo"] as? [String: String])?["id"]))
                }
            }

            #expect(photos.count == 2)
        }
    }

    @Test func `who may not see payloads is not told the digest`() async throws {
        try await PhotoFixture.with { fixture in
            let id = try await fixture.store(SampleFile.phoneJPEG()).photo
            let reader = fixture.asked(by: ClientOfQueue("photos", scopes: [.read]))

            let shown = try await reader.send(.get, "/v1/photos/\(id)")

            #expect(try shown.status == 200 && shown.json["digest"] == nil && shown.json["bytes"] != nil)
            #expect(try await fixture.send(.get, "/v1/photos/\(id)").json["digest"] != nil)
        }
    }

    @Test func `a photo is shown before, and its variants are served after its job has run`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SampleFile.phoneJPEG(.corners(1500, 100), orientation: 8)
            let (id, job) = try await fixture.store(file)

            let before = try await fixture.send(.get, "/v1/photos/\(id)").json
            #expect(before["state"] as? String == "ready")
            #expect((before["variants"] as? [Any])?.isEmpty == true)
            #expect(before["width"] as? Int == 100)
            #expect(try await fixture.send(.get, "/v1/photos/\(id)/256.webp").status == 404)
            _ = try await fixture.run(job).get()

            let after = try await fixture.send(.get, "/v1/photos/\(id)").json
            #expect(after["state"] as? String == "completed")
            #expect(after["width"] as? Int == 1500)
            #expect(after["height"] as? Int == 100)
            #expect(after["bytes"] as? Int == file.count)
            let digest = try #require(BlobDigest(bytes: Array(SHA256.hash(data: file))))
            #expect(after["digest"] as? String == "sha256:\(digest)")
            let variants = try #require(after["variants"] as? [[String: Any]])
            #expect(variants.map { $0["box"] as? Int } == [256, 1024, 2048])
            for variant in variants {
                let reply = try await fixture.send(.get, try #require(variant["url"] as? String))
                #expect(reply.status == 200)
                #expect(reply.headers[.contentType] == "image/webp")
                #expect(reply.headers[.cacheControl] == "private, max-age=31536000, immutable")
                let shown = try SamplePicture(decoding: reply.body)
                #expect(shown.width == variant["width"] as? Int)
                #expect(shown.isNear(SamplePicture.red, 5, 5))
            }
        }
    }

    @Test func `a variant that the client has is not sent again`() async throws {
        try await PhotoFixture.with { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            _ = try await fixture.run(job).get()

            let first = try await fixture.send(.get, "/v1/photos/\(id)/256.webp")
            let tag = try #require(first.headers[.eTag])
            let second = try await fixture.send(.get, "/v1/photos/\(id)/256.webp", headers: [.ifNoneMatch: tag])

            #expect(second.status == 304 && second.body.isEmpty && second.headers[.eTag] == tag)
        }
    }

    @Test(arguments: [
        ("<svg xmlns='http://www.w3.org/2000/svg'></svg>", 415), ("%PDF-1.4 and more", 415), ("GIF8", 415), ("", 422),
        ("\u{0}\u{0}\u{0}\u{18}ftypheic....", 415), ("GIF89a\u{0}\u{0}\u{0}\u{0}...", 422),
    ])
    func `what is no photo is refused by its bytes`(text: String, status: Int) async throws {
        try await PhotoFixture.with { fixture in
            let reply = try await fixture.upload(Array(text.utf8))

            #expect(reply.status == status)
            #expect(reply.headers[.contentType] == "application/problem+json")
            #expect(try reply.json["status"] as? Int == status)
            await eventually("no file is left") { fixture.folder.files.isEmpty }
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photos") == 0)
        }
    }

    @Test func `a bomb is refused by the size that its header names`() async throws {
        try await PhotoFixture.with { fixture in
            let reply = try await fixture.upload(SampleFile.png(width: 50_000, height: 50_000))

            #expect(reply.status == 422)
            #expect(try (reply.json["detail"] as? String)?.contains("50000×50000") == true)
            await eventually("no file is left") { fixture.folder.files.isEmpty }
        }
    }

    @Test func `over 50 MB are refused by the header`() async throws {
        try await PhotoFixture.with { fixture in
            let reply = try await fixture.send(
                .post, "/v1/photos", headers: [.contentLength: "\(PhotoLimits.bytesMax + 1)"])

            #expect(reply.status == 413)
            #expect(reply.headers[.connection] == "close")
        }
    }

    @Test func `over 50 MB are refused while they stream`() async throws {
        try await PhotoFixture.with { fixture in
            let start = try SamplePicture.corners().encoded(".jpg")
            let piece = ByteBuffer(repeating: 0, count: 1 << 20)
            let body = RequestBody(
                asyncSequence: AsyncStream { continuation in
                    continuation.yield(ByteBuffer(bytes: start))
                    for _ in 0..<50 { continuation.yield(piece) }
                    continuation.finish()
                })

            let reply = try await fixture.send(.post, "/v1/photos", headers: [.transferEncoding: "chunked"], body: body)

            #expect(reply.status == 413)
            await eventually("no file is left") { fixture.folder.files.isEmpty }
        }
    }

    @Test func `an upload that breaks off leaves nothing`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SamplePicture.noise(200, 200).encoded(".jpg")

            let reply = try await fixture.send(
                .post, "/v1/photos", headers: [.contentLength: "\(file.count)"],
                body: PhotoFixture.pieces(of: Array(file.dropLast(100))))

            #expect(reply.status == 400)
            await eventually("no file is left") { fixture.folder.files.isEmpty }
        }
    }

    @Test func `a disk without room is said to be full`() async throws {
        let wrap: @Sendable (any BlobStore) -> any BlobStore = { store in
            MeddledBlobStore(store: store) { () throws(BlobError) in throw BlobError(errno: ENOSPC, "create a file") }
        }
        try await PhotoFixture.with(wrap: wrap) { fixture in
            let reply = try await fixture.upload(try SamplePicture.corners().encoded(".png"))

            #expect(reply.status == 503)
            #expect(reply.headers[.retryAfter] != nil)
        }
    }

    @Test func `a deleted photo is gone, with its blobs`() async throws {
        try await PhotoFixture.with { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.noise(400, 300).encoded(".jpg"))
            _ = try await fixture.run(job).get()
            #expect(fixture.blobs.count > 1)

            let reply = try await fixture.send(.delete, "/v1/photos/\(id)")

            #expect(reply.status == 204)
            #expect(reply.body.isEmpty)
            await eventually("no file is left") { fixture.folder.files.isEmpty }
            for path in ["", "/256.webp"] {
                #expect(try await fixture.send(.get, "/v1/photos/\(id)\(path)").status == 404)
            }
            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 404)
        }
    }

    @Test func `blobs that another photo needs stay when one is deleted`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SamplePicture.noise(300, 300).encoded(".jpg")
            let (first, firstJob) = try await fixture.store(file)
            let (second, secondJob) = try await fixture.store(file)
            _ = try await fixture.run(firstJob).get()
            _ = try await fixture.run(secondJob).get()
            let before = fixture.blobs

            #expect(try await fixture.send(.delete, "/v1/photos/\(first)").status == 204)

            #expect(fixture.blobs == before)
            #expect(try await fixture.send(.get, "/v1/photos/\(second)/1024.webp").status == 200)
            #expect(try await fixture.send(.delete, "/v1/photos/\(second)").status == 204)
            #expect(fixture.blobs.isEmpty)
        }
    }

    @Test func `other methods are told what there is, and other paths are not there`() async throws {
        try await PhotoFixture.with { fixture in
            let id = PhotoID()
            for (path, allowed) in [
                ("/v1/photos", "POST"), ("/v1/photos/\(id)", "GET, HEAD, DELETE"),
                ("/v1/photos/\(id)/256.webp", "GET, HEAD"),
            ] {
                let reply = try await fixture.send(.put, path)
                #expect(reply.status == 405)
                #expect(reply.headers[.allow] == allowed)
            }
            for path in [
                "/v1/photos/../jobs", "/v1/photos/x", "/v1/photos/%2e%2e", "/v1/photosx", "/v1/photos/\(id)/257.webp",
                "/v1/photos/\(id)/256.webp/", "/v1/photos/\(id)",
            ] {
                #expect(try await fixture.send(.get, path).status == 404)
            }
            #expect(try await fixture.send(.get, "/v1/photos/\(id)?size=1").status == 422)
        }
    }

    @Test func `a repeated upload with an idempotency key is answered as the first was`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SamplePicture.noise(60, 40).encoded(".jpg")
            let key = try HTTPFields("Idempotency-Key", "a-1")

            let first = try await fixture.upload(file, headers: key)
            let second = try await fixture.upload(file, headers: key)
            let other = try await fixture.upload(try SamplePicture.corners().encoded(".png"), headers: key)

            #expect(first.status == 202 && second.status == 202)
            #expect(second.body == first.body)
            #expect(second.headers[.location] == first.headers[.location])
            #expect(second.headers[try #require(.init("Idempotent-Replayed"))] == "true")
            #expect(other.status == 422)
            #expect(try other.json["type"] as? String == "/problems/key-reused")
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photos") == 1)
            #expect(try await fixture.ledger.flagged(limit: 10).count == 1)
            #expect(fixture.blobs.count == 1 && fixture.staged.isEmpty)
            #expect(
                try await fixture.upload(file, headers: try HTTPFields("Idempotency-Key", "not a key")).status == 422)
        }
    }

    @Test func `of the same upload at once with one key, one is carried out`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SamplePicture.noise(60, 40).encoded(".jpg")
            let key = try HTTPFields("Idempotency-Key", "a-2")

            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<6 { group.addTask { try await fixture.upload(file, headers: key) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            // Who waits for the first too long is told so.
            #expect(replies.allSatisfy { $0.status == 202 || $0.status == 409 })
            #expect(Set(replies.filter { $0.status == 202 }.map(\.body)).count == 1)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photos") == 1)
        }
    }

    @Test func `a trace is carried into the job`() async throws {
        try await PhotoFixture.with { fixture in
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

            _ = try await fixture.upload(
                try SamplePicture.corners().encoded(".png"), headers: try HTTPFields("traceparent", trace))

            let ids = try await fixture.ledger.flagged(limit: 1).map(\.id)
            #expect(try await fixture.ledger.pushable(ids, bytesMax: 1).first?.job.envelope.trace == trace)
        }
    }

    @Test func `two uploads of one photo at once share a blob`() async throws {
        try await PhotoFixture.with { fixture in
            let file = try SamplePicture.noise(200, 100).encoded(".jpg")

            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.upload(file) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(replies.allSatisfy { $0.status == 202 })
            #expect(fixture.blobs.count == 1 && fixture.staged.isEmpty)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photos") == 8)
        }
    }
}

extension HTTPFields {
    fileprivate init(_ name: String, _ value: String) throws {
        self.init()
        append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
    }
}
