// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Millrace
import NIOCore
import NIOHTTP1

/// Asks an S3-compatible service, and waits for its answer on the caller's own thread.
///
/// Every request may be repeated, and is where the service did not answer or asks for patience. Each has a deadline.
struct S3Client: Sendable {
    /// How long somebody waits for an answer.
    struct Patience: Sendable {
        let triesMax: Int
        /// Of a try; one that carries bytes has a second more for each 64 KiB.
        let timeout: Duration

        static let usual = Patience(triesMax: 3, timeout: .seconds(10))
        /// While a transaction is open.
        static let brief = Patience(triesMax: 2, timeout: .seconds(2))
        /// The same for what must not be sent a second time before it is known what became of the first.
        static let once = Patience(triesMax: 1, timeout: .seconds(4))
    }

    private static let slowestBytesPerSecond: Int64 = 64 * 1024
    /// Of an answer that says little or nothing.
    static let answerBytesMax = 64 << 10

    let settings: S3Settings
    private let signature: S3Signature
    private let connections: HTTPClient

    init(_ settings: S3Settings) {
        self.settings = settings
        signature = S3Signature(credentials: settings.credentials, region: settings.region)
        connections = S3Connections.client(authorityPath: settings.authorityPath)
    }

    struct Reply {
        let status: Int
        let headers: HTTPHeaders
        let body: ByteBuffer
    }

    /// - Parameters:
    ///   - key: an object's name; empty for the bucket itself.
    ///   - body: sealed bytes.
    ///   - bytesMax: of the answer's body; at least ``answerBytesMax``.
    /// - Returns: an answer of the kind 2xx.
    /// - Throws: `.missing` where there is no such object; `.away` where another try may succeed, and the outcome is unknown.
    func send(
        _ method: HTTPMethod, _ key: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: HashedFile? = nil, bytesMax: Int = answerBytesMax,
        patience: Patience = .usual
    ) throws(BlobError) -> Reply {
        let action = "\(method) of \(settings.bucket)/\(key)"
        let bytes = (body?.size ?? 0) + Int64(bytesMax - Self.answerBytesMax)
        let timeout = patience.timeout + .seconds(bytes / Self.slowestBytesPerSecond)
        var tries = 1
        while true {
            let problem: BlobError
            do throws(BlobError) {
                let request = try request(method, key, query, headers, body)
                let reply = try send(request, within: timeout, bytesMax, action)
                if 200...299 ~= reply.status { return reply }
                problem = BlobError(reply, to: action, of: settings)
            } catch {
                problem = error
            }
            guard problem.code == .away, tries < patience.triesMax else { throw problem }
            pause(.milliseconds(Int64.random(in: 100...200) << (2 * tries)))
            tries += 1
        }
    }

    /// Where anybody may fetch an object for a while.
    func link(to key: String, query: [(name: String, value: String)], for duration: Duration) -> String {
        let path = settings.endpoint.path(ofKey: key)
        let query = signature.linkQuery(
            host: settings.endpoint.host, path: path, query: query, for: duration, at: .now())
        return "\(settings.endpoint.origin)\(path)?\(query)"
    }

    /// Signed now: a service refuses what was signed long ago.
    private func request(
        _ method: HTTPMethod, _ key: String, _ query: [(name: String, value: String)],
        _ headers: [(name: String, value: String)], _ body: HashedFile?
    ) throws(BlobError) -> HTTPClient.Request {
        let path = settings.endpoint.path(ofKey: key)
        let signed = signature.headers(
            of: .init(
                method: method.rawValue, host: settings.endpoint.host, path: path, query: query, headers: headers,
                body: body?.digest ?? .empty),
            at: .now())
        let text = S3Signature.queryText(query)
        do {
            return try HTTPClient.Request(
                url: settings.endpoint.origin + path + (text.isEmpty ? "" : "?\(text)"), method: method,
                headers: HTTPHeaders(signed.map { ($0.name, $0.value) }), body: body?.streamed)
        } catch {
            throw BlobError(.failed, "the endpoint \(settings.endpoint.origin) is no address: \(error)")
        }
    }

    private func send(
        _ request: HTTPClient.Request, within timeout: Duration, _ bytesMax: Int, _ action: String
    ) throws(BlobError) -> Reply {
        do {
            let response = try connections.execute(
                request: request, delegate: ResponseAccumulator(request: request, maxBodySize: bytesMax),
                deadline: .now() + TimeAmount(timeout)
            ).wait()
            return Reply(
                status: Int(response.status.code), headers: response.headers, body: response.body ?? ByteBuffer())
        } catch let error as BlobError {
            throw error
        } catch {
            throw BlobError(.away, "\(action): \(error)")
        }
    }

    private func pause(_ duration: Duration) {
        // Only a shutdown of the event loop ends it early, and then the next try says so.
        try? connections.eventLoopGroup.any().scheduleTask(in: TimeAmount(duration)) {}.futureResult.wait()
    }
}
