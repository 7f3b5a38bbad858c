// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import Testing

@testable import Storefront

@Suite("S3Signature", .needsPython) struct S3SignatureTests {
    private typealias Field = (name: String, value: String)

    /// Requests and keys at random; botocore signs the same ones.
    @Test func `it signs as AWS's own library does`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let oracle = try PythonServer("signature_oracle.py")
        _ = try oracle.answer()

        for _ in 0..<200 {
            let time = Timestamp(unixMilliseconds: .random(in: 0...4_000_000_000_000, using: &random))
            let stamp = time.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
            let token = Bool.random(using: &random) ? "T" + Self.text(&random).filter { $0.isASCII && $0 != " " } : nil
            let credentials = S3Credentials(
                id: Self.word(&random), secret: Secret(Self.text(&random)), sessionToken: token.map { Secret($0) })
            let region = Self.word(&random)
            let host = "\(Self.word(&random)):\(Int.random(in: 1024...65_535, using: &random))"
            let path = "/\(Self.word(&random))/\(Self.word(&random))"
            let names = Set((0..<Int.random(in: 0...3, using: &random)).map { _ in Self.text(&random) }).sorted()
            // Some names begin with another.
            let query = (names + names.map { $0 + Self.text(&random) }).map {
                Field(name: $0, value: Self.text(&random))
            }
            let digest = try #require(
                BlobDigest(bytes: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }))
            let signature = S3Signature(credentials: credentials, region: region)
            let link = Bool.random(using: &random) ? Int64.random(in: 1...604_800, using: &random) : 0
            let text = S3Signature.queryText(query)
            let url = "http://\(host)\(path)" + (text.isEmpty ? "" : "?\(text)")
            try oracle.say([
                "method": "PUT", "url": url, "headers": ["range": "bytes=1-2"], "digest": "\(digest)",
                "id": credentials.id, "secret": credentials.secret.revealed, "token": token ?? "", "region": region,
                "time": stamp, "link": link,
            ])
            let expected = try oracle.answer()

            if link > 0 {
                let ours = signature.linkQuery(host: host, path: path, query: query, for: .seconds(link), at: time)
                let theirs = try #require((expected["url"] as? String)?.split(separator: "?").last)
                #expect(
                    ours.split(separator: "&").sorted() == theirs.split(separator: "&").sorted(), "seed \(seed)")
            } else {
                let headers = signature.headers(
                    of: .init(
                        method: "PUT", host: host, path: path, query: query, headers: [("range", "bytes=1-2")],
                        body: digest),
                    at: time)
                let ours = headers.first { $0.name == "authorization" }?.value
                #expect(ours == expected["authorization"] as? String, "seed \(seed)")
            }
        }
    }

    @Test func `secrets are not described`() {
        let credentials = S3Credentials(id: "AKID", secret: Secret("hush"), sessionToken: Secret("quiet"))
        var dumped = ""
        dump(credentials, to: &dumped)

        for text in ["\(credentials)", String(reflecting: credentials), dumped] {
            #expect(!text.contains("hush") && !text.contains("quiet"), "\(text)")
            #expect(text.contains("AKID"))
        }
    }

    @Test func `a link has nothing secret in it but its signature`() {
        let signature = S3Signature(
            credentials: S3Credentials(id: "AKID", secret: Secret("hush+/"), sessionToken: nil), region: "here")

        let query = signature.linkQuery(
            host: "photos.example.org", path: "/a", query: [], for: .seconds(60), at: Timestamp(unixMilliseconds: 0))

        #expect(
            query.split(separator: "&").map { $0.split(separator: "=")[0] } == [
                "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
                "X-Amz-Signature",
            ])
        #expect(query.contains("X-Amz-Credential=AKID%2F19700101%2Fhere%2Fs3%2Faws4_request&"))
        #expect(!query.contains("hush"))
    }

    private static func word(_ random: inout SplitMix64) -> String {
        String(
            (0..<Int.random(in: 1...20, using: &random)).compactMap { _ in
                "abcdefghijklmnopqrstuvwxyz0123456789-".randomElement(using: &random)
            })
    }

    private static func text(_ random: inout SplitMix64) -> String {
        String(
            (0..<Int.random(in: 1...20, using: &random)).compactMap { _ in
                "abcXYZ019-._~/+=&?:; %\"ü€".randomElement(using: &random)
            })
    }
}
