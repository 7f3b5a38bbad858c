// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// One client's way to the API.
struct APIClient: Sendable {
    /// Holds the key of the API.
    static let keyVariable = "MILLRACE_TORTURE_KEY"

    private let url: String
    private let key: String
    private let client = HTTPClient(eventLoopGroupProvider: .singleton)

    init(_ url: String, key: String) {
        self.url = url
        self.key = key
    }

    struct Answer: Sendable {
        let status: Int
        /// Those of a batch that was accepted, or of the jobs of a listing.
        let ids: [String]?
    }

    /// nil when there was no answer.
    func get(_ path: String) async -> Answer? { await request(.GET, path, nil, key: nil) }

    /// nil when there was no answer.
    func post(_ path: String, _ body: String? = nil, key: String? = nil) async -> Answer? {
        await request(.POST, path, body, key: key)
    }

    private func request(_ method: HTTPMethod, _ path: String, _ body: String?, key: String?) async -> Answer? {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Authorization", value: "Bearer \(self.key)")
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        guard let answer = try? await client.execute(request, timeout: .seconds(10)),
            let received = try? await answer.body.collect(upTo: 1 << 20)
        else { return nil }
        let object = try? JSONSerialization.jsonObject(with: Data(received.readableBytesView)) as? [String: Any]
        let jobs = (object?["jobs"] as? [[String: Any]])?.compactMap { $0["id"] as? String }
        return Answer(status: Int(answer.status.code), ids: object?["ids"] as? [String] ?? jobs)
    }

    func shutdown() async throws { try await client.shutdown() }
}
