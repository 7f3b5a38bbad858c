// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Crypto
import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import MillraceTesting
import NIOCore
import NIOHTTP1
import Testing

@testable import Storefront

@Suite("Photos in a bucket", .needsPython, .needsPostgres) struct PhotosInBucketTests {
    private static func remover(_ fixture: PhotoFixture) async throws -> BlobRemover {
        BlobRemover(ledger: fixture.ledger, blobs: try await fixture.files.blobs())
    }

    private static func doomed(_ fixture: PhotoFixture) async throws -> Int {
        try await fixture.database.count("SELECT count(*) FROM storefront.doomed_blobs")
    }

    private static func blobs(_ fixture: PhotoFixture) async throws -> Set<BlobDigest> {
        let blobs = try await fixture.files.blobs()
        return Set(
            try (UInt8.min...UInt8.max).flatMap { try blobs.blobs(beginningWith: $0, olderThan: .seconds(-60)) })
    }

    @Test func `an upload becomes variants, and its deletion leaves nothing`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let (id, job) = try await fixture.store(try SampleFile.phoneJPEG(.noise(1500, 1200), orientation: 6))
            _ = try await fixture.run(job).get()

            let reply = try await fixture.send(.get, "/v1/photos/\(id)/1024.webp")
            #expect(reply.status == 200)
            #expect(try SamplePicture(decoding: reply.body).width == 1024)
            #expect(try await Self.blobs(fixture).count == 4)
            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 204)
            #expect(try await Self.blobs(fixture).isEmpty)
            #expect(try await Self.doomed(fixture) == 0)
        }
    }

    @Test func `clients are sent to links where the operator wants it`() async throws {
        let server = try ObjectStore(query: "?links=10m")
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let (id, job) = try await fixture.store(try SamplePicture.noise(600, 400).encoded(".png"))
            _ = try await fixture.run(job).get()

            let reply = try await fixture.send(.get, "/v1/photos/\(id)/256.webp")

            #expect(reply.status == 302)
            #expect(reply.headers[.cacheControl] == "private, max-age=300")
            let url = try #require(reply.headers[.location])
            #expect(url.hasPrefix(server.settings.endpoint.origin + "/photos/"))
            #expect(url.contains("X-Amz-Expires=600") && url.contains("response-content-type=image%2Fwebp"))
            let answer = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
            #expect(answer.status == .ok && answer.headers.first(name: "Content-Type") == "image/webp")
            let bytes = try await answer.body.collect(upTo: 1 << 20)
            #expect(try SamplePicture(decoding: Array(bytes.readableBytesView)).width == 256)
            let other = HTTPClientRequest(url: url.replacing("/objects/", with: "/other/"))
            #expect(try await HTTPClient.shared.execute(other, timeout: .seconds(10)).status == .forbidden)
        }
    }

    @Test func `a job waits for a service that is away, at no cost`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let (_, job) = try await fixture.store(try SamplePicture.corners().encoded(".png"))
            try server.spoil("PUT", .answer(503), times: 3)

            let result = try await fixture.run(job)

            guard case .failure(JobSignal.snooze) = result else {
                Issue.record("\(result)")
                return
            }
        }
    }

    @Test func `a job whose original cannot be read to its end is not told that it is broken`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let (_, job) = try await fixture.store(try SamplePicture.noise(2000, 1500).encoded(".png"))
            try server.spoil("GET", .cut, times: 3)

            let result = try await fixture.run(job)

            guard case .failure(JobSignal.snooze) = result else {
                Issue.record("\(result)")
                return
            }
        }
    }

    @Test func `an upload is asked to come again while the service is away`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            try server.spoil("PUT", .error(503, "SlowDown"), times: 3)

            let reply = try await fixture.upload(file)

            #expect(reply.status == 503)
            #expect(reply.headers[.retryAfter] != nil)
            #expect(!String(decoding: reply.body, as: UTF8.self).contains("SlowDown"))
            // Sent, but gone before its row was written.
            try server.spoil("HEAD", .answer(404))
            #expect(try await fixture.upload(file).status == 503)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.photos") == 0)
            #expect(try await fixture.upload(file).status == 202)
        }
    }

    @Test func `equal bytes are not referred to while a deletion's answer is out`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            let (id, _) = try await fixture.store(file)
            try server.spoil("DELETE", .lost)

            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 204)

            #expect(try await Self.doomed(fixture) == 1)
            #expect(try await fixture.upload(file).status == 503)
            // The bytes are there again by now. A second deletion must not be taken for the first one's answer.
            let digest = try #require(try await Self.blobs(fixture).first)
            let remover = try await Self.remover(fixture)
            #expect(try await remover.remove(digest) == false)
            #expect(try await fixture.upload(file).status == 503)

            try await fixture.database.run("UPDATE storefront.doomed_blobs SET doomed_until = now()")
            #expect(try await fixture.upload(file).status == 202)
            try await remover.forgetDoomed()
            #expect(try await Self.doomed(fixture) == 0)
            #expect(try await remover.remove(digest) == false)
        }
    }

    @Test func `a process that died between its decision and the deletion leaves both to the sweep`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            let blobs = try await fixture.files.blobs()
            let remover = try await Self.remover(fixture)
            let digest = try blobs.put(file)

            #expect(try await remover.doom(digest))
            #expect(try await remover.doom(digest) == false)

            #expect(try await fixture.upload(file).status == 503)
            // Held up for so long that a request could outlive the decision.
            try await fixture.database.run(
                "UPDATE storefront.doomed_blobs SET doomed_until = now() + interval '1890 seconds'")
            #expect(try await remover.deleteDoomed(digest) == false)
            #expect(try blobs.size(of: digest) != nil)
            try await fixture.database.run("UPDATE storefront.doomed_blobs SET doomed_until = now()")
            let sweeper = BlobSweeper(files: fixture.files, age: .seconds(-60), logger: PhotoDatabase.logger)
            #expect(try await sweeper.sweep() == 1)
            #expect(try blobs.size(of: digest) == nil)
            #expect(try await Self.doomed(fixture) == 0)
        }
    }

    @Test func `what somebody refers to is not doomed`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            _ = try await fixture.store(file)
            let digest = try #require(try await Self.blobs(fixture).first)

            let remover = try await Self.remover(fixture)
            #expect(try await remover.remove(digest) == false)

            #expect(try await Self.doomed(fixture) == 0)
            #expect(try await Self.blobs(fixture) == [digest])
        }
    }

    @Test func `a deletion that is refused dooms nothing`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            let (id, _) = try await fixture.store(file)
            try server.spoil("DELETE", .error(403, "AccessDenied"))

            #expect(try await fixture.send(.delete, "/v1/photos/\(id)").status == 204)

            #expect(try await Self.doomed(fixture) == 0)
            #expect(try await fixture.upload(file).status == 202)
        }
    }

    @Test func `equal photos come and go at once, and what has a row has its bytes`() async throws {
        let server = try ObjectStore()
        try await PhotoFixture.with(bucket: server.settings) { fixture in
            let file = try SamplePicture.corners().encoded(".png")
            let digest = try #require(BlobDigest(bytes: Array(SHA256.hash(data: file))))

            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<5 {
                            let reply = try await fixture.upload(file)
                            guard reply.status == 202 else {
                                #expect(reply.status == 503)
                                continue
                            }
                            let photo = try #require((try reply.json["photo"] as? [String: String])?["id"])
                            let blobs = try await fixture.files.blobs()
                            #expect(try blobs.size(of: digest) == Int64(file.count))
                            #expect(try await fixture.send(.delete, "/v1/photos/\(photo)").status == 204)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await Self.doomed(fixture) == 0)
            // What was sent and then refused is left to it.
            _ = try await BlobSweeper(files: fixture.files, age: .seconds(-60), logger: PhotoDatabase.logger).sweep()
            #expect(try await Self.blobs(fixture).isEmpty)
        }
    }
}
