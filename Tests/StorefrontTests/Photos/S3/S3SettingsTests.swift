// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Storefront

@Suite("S3Settings") struct S3SettingsTests {
    private static let keys = ["AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "hush"]

    private func settings(_ place: String, _ more: [String: String] = [:]) throws -> S3Settings {
        try S3Settings(place: place, environment: Self.keys.merging(more) { $1 })
    }

    @Test func `AWS is asked at the bucket's own host`() throws {
        let settings = try settings("s3://shop-photos/prod/a?links=15m", ["AWS_REGION": "eu-north-1"])

        #expect(settings.endpoint.origin == "https://shop-photos.s3.eu-north-1.amazonaws.com")
        #expect(settings.endpoint.path(ofKey: "k") == "/k")
        #expect(settings.prefix == "prod/a/")
        #expect(settings.linkDuration == .seconds(900))
        #expect(settings.authorityPath == nil)
    }

    @Test func `a bucket with dots is part of the path, as no certificate holds for its host`() throws {
        let settings = try settings("s3://shop.photos/", ["AWS_DEFAULT_REGION": "eu-north-1"])

        #expect(settings.endpoint.origin == "https://s3.eu-north-1.amazonaws.com")
        #expect(settings.endpoint.path(ofKey: "k") == "/shop.photos/k")
        #expect(settings.prefix == "")
    }

    @Test func `another service is asked at its own host, with the bucket in the path`() throws {
        let settings = try settings(
            "s3://photos",
            [
                "AWS_ENDPOINT_URL": "http://other", "AWS_ENDPOINT_URL_S3": "https://minio:443/",
                "AWS_CA_BUNDLE": "/ca.pem", "AWS_REGION": "", "TMPDIR": "/scratch",
            ])

        #expect(settings.endpoint.origin == "https://minio:443")
        #expect(settings.endpoint.host == "minio")
        #expect(settings.endpoint.path(ofKey: "k") == "/photos/k")
        #expect(settings.region == "us-east-1")
        #expect(settings.linkDuration == nil)
        #expect(settings.authorityPath == "/ca.pem")
        #expect(settings.temporaryFolder == "/scratch")
    }

    @Test(arguments: ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/", "https://[2001:db8::1]"])
    func `plain text stays on this machine`(url: String) throws {
        _ = try settings("s3://photos", ["AWS_ENDPOINT_URL": url])

        for beyond in ["http://minio:9000", "http://127.0.0.1.example.org", "http://localhost.example.org:80"] {
            let error = #expect(throws: BlobError.self) {
                try settings("s3://photos", ["AWS_ENDPOINT_URL": beyond])
            }
            #expect(error?.message.contains("tls=none") == true, "\(String(describing: error))")
            _ = try settings("s3://photos?links=5m&tls=none", ["AWS_ENDPOINT_URL": beyond])
        }
    }

    @Test(arguments: [
        ("s3://", "s3://BUCKET"), ("s3:///photos", "s3://BUCKET"), ("s3://UPPER", "s3://BUCKET"),
        ("s3://a..b", "s3://BUCKET"), ("gs://photos", "s3://BUCKET"), ("s3://hush:hush@photos", "s3://BUCKET"),
        ("s3://photos/a b", "prefix"), ("s3://photos/a//b", "prefix"), ("s3://photos/../b", "prefix"),
        ("s3://photos/%2e", "prefix"), ("s3://photos/ü", "prefix"), ("s3://photos?links=1s", "links"),
        ("s3://photos?link=15m", "links"), ("s3://photos?links=8d", "links"), ("s3://photos?tls=some", "tls=none"),
    ])
    func `what cannot be meant is named`(place: String, word: String) {
        let error = #expect(throws: BlobError.self) { try settings(place) }
        #expect(error?.message.contains(word) == true, "\(String(describing: error))")
        #expect(error?.message.contains("hush") == false)
    }

    @Test(arguments: [
        ("AWS_ENDPOINT_URL", "ftp://there"), ("AWS_ENDPOINT_URL", "https://user:hush@there"),
        ("AWS_ENDPOINT_URL", "https://there/hush"), ("AWS_ENDPOINT_URL", "https://there:0"),
        ("AWS_ENDPOINT_URL", "https://:9000"), ("AWS_REGION", "evil.example.org/"),
        ("AWS_SECRET_ACCESS_KEY", "hush\n"), ("AWS_ACCESS_KEY_ID", "a b"), ("AWS_SESSION_TOKEN", "hush\r\nx: y"),
        ("AWS_SECRET_ACCESS_KEY", ""),
    ])
    func `a broken variable is named, and none of it is told`(name: String, value: String) {
        let error = #expect(throws: BlobError.self) { try settings("s3://photos", [name: value]) }
        #expect(error?.message.contains(name) == true, "\(String(describing: error))")
        #expect(error?.message.contains("hush") == false)
    }

    @Test func `a bucket is not a folder`() throws {
        let place = BlobPlace("gs://photos", environment: [:])

        #expect(throws: BlobError.self) { try place.check() }
        #expect(throws: BlobError.self) { try place.store(named: "shop") }
    }
}
