// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import Testing

@Suite("Photos") struct PhotoTests {
    @Test(.timeLimit(.minutes(3)))
    func `uploaded photos are stored by the pool of a whole mill`() async throws {
        let pools = "pools: {default: {count: 0}, photos: {queues: [photos], concurrency: 2}}\n"
        try await Mill.with(configuration: pools) { mill in
            let up = try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            let photos = try (1...8).map { try Photograph(640, 400, orientation: $0, number: $0) }

            var ids: [String] = []
            for photo in photos { ids.append(try await mill.upload(photo.file)) }
            let areStored = try await mill.expectAllEnded(within: .seconds(60))

            #expect(areStored)
            #expect(try await mill.count("kind = 'photos.store' AND state = 'completed' AND attempt = 1") == 8)
            for (id, photo) in zip(ids, photos) {
                let row = try await mill.stores.rows(
                    """
                    SELECT width, height, format, original_bytes, encode(original, 'hex'), stored_at IS NOT NULL,
                        (SELECT string_agg(box || ':' || variant.width || 'x' || variant.height, ' ' ORDER BY box)
                        FROM storefront.photo_variants AS variant WHERE photo_id = id)
                    FROM storefront.photos WHERE id = '\(id)'
                    """)
                let digest = SHA256.hash(data: photo.file).map { String(format: "%02x", $0) }.joined()
                #expect(
                    row == [
                        "640|400|jpeg|\(photo.file.count)|\(digest)|t|256:256x160 1024:640x400 2048:640x400"
                    ])
                try await expectClean(mill, "/v1/photos/\(id)/256.webp", width: 256, height: 160)
            }
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
            up.signal(SIGTERM)
            #expect(await up.exitCode(within: 40) == 0)
        }
    }

    private func expectClean(_ mill: Mill, _ path: String, width: Int, height: Int) async throws {
        let answer = try await mill.request("GET", path)
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "image/webp")
        #expect(answer.headers["Cache-Control"]?.contains("immutable") == true)
        #expect(answer.headers["X-Request-Id"] != nil)
        #expect(Photograph.size(ofWebP: answer.body).map { [$0.width, $0.height] } == [width, height])
        for hidden in [Photograph.secret, "EXIF", "Exif", "XMP "] {
            #expect(answer.body.range(of: Data(hidden.utf8)) == nil, "\(hidden) is in \(path)")
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `what is no photo is refused, and what is broken inside is dead on its first attempt`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            try mill.startWorker(concurrency: 2, queues: "photos")
            let whole = try Photograph(800, 600, orientation: 1, number: 1).file

            let broken = try await mill.upload(whole.prefix(whole.count / 2))
            let refused: [(Data, Int)] = [
                (Photograph.header(ofPNG: 50_000, 50_000), 422), (Data("<svg></svg>     ".utf8), 415), (Data(), 422),
            ]
            for (body, status) in refused {
                let answer = try await mill.request("POST", "/v1/photos", data: body)
                #expect(answer.status == status)
                #expect(answer.headers["Content-Type"] == "application/problem+json")
            }

            #expect(try await mill.statusOfUpload(byteCount: 52_428_801) == "413")

            #expect(try await mill.expectAllEnded(within: .seconds(30)))
            #expect(
                try await mill.stores.rows(
                    "SELECT state, attempt, failures, errors::text LIKE '%cannot be decoded%' FROM millrace.jobs"
                )
                    == ["dead|1|1|t"])
            #expect(try await mill.request("GET", "/v1/photos/\(broken)").json["state"] as? String == "dead")
            #expect(try await mill.stores.rows("SELECT count(*) FROM storefront.photos") == ["1"])
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a photo can be deleted before, while and after it is stored`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let photos = try (0..<12).map { try Photograph(1200, 900, orientation: 6, number: $0) }
            var ids: [String] = []
            for photo in photos { ids.append(try await mill.upload(photo.file)) }

            #expect(try await mill.request("DELETE", "/v1/photos/\(ids[0])").status == 204)
            try mill.startWorker(concurrency: 2, queues: "photos")
            for id in ids.dropFirst().dropLast() {
                #expect(try await mill.request("DELETE", "/v1/photos/\(id)").status == 204)
            }
            #expect(try await mill.expectAllEnded(within: .seconds(60)))
            #expect(try await mill.request("DELETE", "/v1/photos/\(ids[11])").status == 204)

            for id in ids {
                #expect(try await mill.request("GET", "/v1/photos/\(id)").status == 404)
                #expect(try await mill.request("GET", "/v1/photos/\(id)/256.webp").status == 404)
            }
            #expect(try await mill.count("state = 'completed' AND failures = 0") == 12)
            #expect(try await mill.stores.rows("SELECT count(*) FROM storefront.photo_variants") == ["0"])
            #expect(mill.blobs.isEmpty, "blobs are left: \(mill.blobs)")
        }
    }

    @Test(.timeLimit(.minutes(4)))
    func `fifty uploads are all stored though workers are killed`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            var workers = try (0..<2).map { _ in try mill.startWorker(concurrency: 1, queues: "photos") }
            let bases = try (1...4).map { try Photograph(1600, 1200, orientation: $0 + 2, number: $0).file }

            var ids: [String] = []
            for number in 0..<50 {
                // What comes behind the end of the image makes each a file of its own.
                ids.append(try await mill.upload(bases[number % 4] + Data("\(number)".utf8)))
                guard number % 12 == 11 else { continue }
                _ = try await eventually(within: .seconds(30)) { try await mill.count("state = 'running'") > 0 }
                workers.removeFirst().signal(SIGKILL)
                workers.append(try mill.startWorker(concurrency: 1, queues: "photos"))
            }

            #expect(try await mill.expectAllEnded(within: .seconds(150)))
            #expect(try await mill.count("state = 'completed' AND failures = 0") == 50)
            #expect(
                try await mill.stores.rows("SELECT count(*) FROM storefront.photos WHERE stored_at IS NOT NULL") == [
                    "50"
                ])
            #expect(try await mill.stores.rows("SELECT count(*) FROM storefront.photo_variants") == ["150"])
            for id in ids { #expect(try await mill.request("GET", "/v1/photos/\(id)/1024.webp").status == 200) }
        }
    }

    @Test(.enabled(if: Bucket.python != nil, "needs MILLRACE_TEST_PYTHON"), .timeLimit(.minutes(4)))
    func `photos in a bucket are all stored though workers are killed and the service fails`() async throws {
        try await Mill.with(configuration: "blobs: s3://photos/shop?links=5m\n") { mill in
            let bucket = try await Bucket(logFolder: mill.stores.folder, faults: 0.03)
            try mill.start("serve", ["serve", "--port", "\(mill.port)"], environment: bucket.environment)
            try await mill.expectReady()
            func startWorker() throws -> Child {
                try mill.start(
                    "work", ["work", "--queues", "photos", "--concurrency", "1"], environment: bucket.environment)
            }
            var workers = [try startWorker(), try startWorker()]

            var ids: [String] = []
            for number in 1...12 {
                let photo = try Photograph(1200, 900, orientation: 1 + number % 8, number: number)
                ids.append(try await mill.uploadPatiently(photo.file))
                guard number % 4 == 0 else { continue }
                _ = try await eventually(within: .seconds(30)) { try await mill.count("state = 'running'") > 0 }
                workers.removeFirst().signal(SIGKILL)
                workers.append(try startWorker())
            }
            #expect(try await mill.expectAllEnded(within: .seconds(150)))

            #expect(try await mill.count("kind = 'photos.store' AND state = 'completed' AND failures = 0") == 12)
            for id in ids {
                let variant = try await mill.follow("/v1/photos/\(id)/256.webp")
                #expect(Photograph.size(ofWebP: variant)?.width == 256)
                #expect(variant.range(of: Data(Photograph.secret.utf8)) == nil)
                #expect(try await mill.request("DELETE", "/v1/photos/\(id)").status == 204)
                #expect(try await mill.request("GET", "/v1/photos/\(id)/256.webp").status == 404)
            }
            for child in mill.children { #expect(!child.log.contains(bucket.secret)) }
            #expect(mill.blobs.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a bucket without keys is refused at the start`() async throws {
        try await Mill.with(configuration: "blobs: s3://photos\n") { mill in
            for arguments in [["serve", "--port", "1"], ["work"]] {
                let process = try mill.start(
                    arguments[0], arguments, environment: ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""])
                #expect(await process.exitCode(within: 20) == 71)
                #expect(
                    process.log.contains("AWS_SECRET_ACCESS_KEY") && process.log.contains("workers.yml"),
                    "\(process.log)")
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a database without the application's tables, or with newer ones, is refused`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            _ = try await mill.stores.rows("DROP SCHEMA storefront CASCADE")
            #expect(try await mill.request("GET", "/readyz").status == 503)

            let serve = try mill.start("serve", ["serve", "--port", "1"])
            let work = try mill.startWorker()
            for process in [serve, work] {
                #expect(await process.exitCode(within: 20) == 69)
                #expect(process.log.contains("lacks storefront.m0001_create_photos, "), "\(process.log)")
                #expect(process.log.contains(": run the command `migrate`"), "\(process.log)")
            }

            _ = try await mill.command("migrate")
            #expect(try await mill.request("GET", "/readyz").status == 200)
            _ = try await mill.stores.rows("INSERT INTO storefront.schema_migrations (name) VALUES ('m9999_later')")
            let older = try mill.startWorker()
            #expect(await older.exitCode(within: 20) == 69)
            #expect(older.log.contains("storefront.m9999_later"))
            #expect(try await mill.request("GET", "/readyz").status == 503)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a folder for blobs that cannot be written in is refused at the start`() async throws {
        try await Mill.with(configuration: "blobs: /dev/null/blobs\n") { mill in
            for arguments in [["serve", "--port", "1"], ["work"], ["up"]] {
                let process = try mill.start(arguments[0], arguments)
                #expect(await process.exitCode(within: 20) == 71)
                #expect(
                    process.log.contains("/dev/null/blobs") && process.log.contains("workers.yml"), "\(process.log)")
            }
        }
    }
}

extension Mill {
    /// Uploads a photo; its id.
    fileprivate func upload(_ file: Data) async throws -> String {
        let answer = try await request("POST", "/v1/photos", data: file)
        guard answer.status == 202, let photo = answer.json["photo"] as? [String: String], let id = photo["id"] else {
            throw Refused(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
        }
        return id
    }

    /// As a client does that is asked to come again.
    fileprivate func uploadPatiently(_ file: Data) async throws -> String {
        for _ in 0..<10 {
            do {
                return try await upload(file)
            } catch let refused as Refused where refused.status == 503 {}
        }
        return try await upload(file)
    }

    /// What a link leads to, asked for until there is an answer.
    fileprivate func follow(_ path: String) async throws -> Data {
        for _ in 0..<10 {
            if let answer = try? await request("GET", path), answer.status == 200 { return answer.body }
        }
        return try await request("GET", path).body
    }

    /// The answer to an upload of zeros by curl. It is refused before it is sent, which some clients take for a broken connection.
    fileprivate func statusOfUpload(byteCount: Int) async throws -> String {
        let file = stores.folder.appending(path: "zeros")
        try Data(count: byteCount).write(to: file)
        return try await run([
            "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header",
            "Authorization: Bearer \(key)", "--data-binary",
            "@\(file.path())",
            "http://127.0.0.1:\(port)/v1/photos",
        ])
    }

    /// The paths of published blobs.
    fileprivate var blobs: [String] {
        let folder = stores.folder.appending(path: ".millrace/blobs").path()
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.contains("/objects/") && $0.count > 100 }
    }
}
