// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A bucket of moto's as a process of a test's own: it ends with the test.
final class Bucket: Sendable {
    static let python = ProcessInfo.processInfo.environment["MILLRACE_TEST_PYTHON"].map { "\($0)/bin/python" }

    private let process: Child
    let environment: [String: String]
    let secret: String

    /// - Parameter rate: how many of all requests fail, out of 1.
    init(logFolder: URL, faults rate: Double) async throws {
        let script = Repository.root.appending(path: "Tests/StorefrontTests/Photos/S3/object_store.py")
        let process = try Child(
            "bucket", URL(filePath: try #require(Self.python)), [script.path(), "--faults", "\(rate)"],
            environment: [:], logFolder: logFolder)
        _ = await eventually(within: .seconds(60)) { process.log.contains("\n") }
        let said = try JSONSerialization.jsonObject(with: Data(process.log.utf8)) as? [String: String]
        let settings = try #require(said, "\(process.log)")
        self.process = process
        secret = try #require(settings["secret"])
        environment = [
            "AWS_ENDPOINT_URL": try #require(settings["endpoint"]),
            "AWS_ACCESS_KEY_ID": try #require(settings["id"]), "AWS_SECRET_ACCESS_KEY": secret,
        ]
    }
}
