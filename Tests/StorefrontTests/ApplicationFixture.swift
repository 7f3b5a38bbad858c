// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import Millrace
import MillraceAPI
import MillracePostgres
import MillraceTesting
import NIOCore
import Testing

/// A part of the storefront with a database of its own, asked as the API and as a worker ask it.
protocol ApplicationFixture: Sendable {
    var ledger: PostgresLedger { get }
    var table: RouteTable { get }
    var handlers: JobHandlers { get }
}

struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let body: [UInt8]

    var json: [String: Any] {
        get throws { try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) }
    }
}

struct Unclaimable: Error {
    let verdict: String
}

extension ApplicationFixture {
    // MARK: as a client

    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String = "test", headers: HTTPFields = [:],
        body: RequestBody = .init(buffer: .init()), logger: Logger = PhotoDatabase.logger
    ) async throws -> Reply {
        var headers = headers
        headers[.authorization] = "Bearer \(token)"
        let request = APIRequest(
            method: method, target: try #require(RequestTarget(path)), headers: headers,
            body: BodyReader(body, headers: headers), logger: logger)
        let answer: Answer
        do throws(Problem) {
            answer = try await table.answer(to: request)
        } catch {
            answer = error.answer
        }
        return Reply(
            status: answer.status.code, headers: answer.headers, body: try await Self.bytes(of: answer.body))
    }

    func post(
        _ path: String, token: String = "test", json: String, headers: HTTPFields = [:],
        logger: Logger = PhotoDatabase.logger
    ) async throws -> Reply {
        var all: HTTPFields = [.contentLength: "\(json.utf8.count)", .contentType: "application/json"]
        all.append(contentsOf: headers)
        return try await send(
            .post, path, token: token, headers: all, body: RequestBody(buffer: ByteBuffer(string: json)),
            logger: logger)
    }

    private static func bytes(of body: Answer.Body) async throws -> [UInt8] {
        switch body {
        case .none: return []
        case .bytes(let bytes): return bytes
        case .pieces(let length, let next):
            var bytes: [UInt8] = []
            while bytes.count < length { bytes += try await next(bytes.count).readableBytesView }
            return bytes
        }
    }

    // MARK: as a worker

    /// Runs one attempt of a job, as a worker does that has taken it over.
    func run(_ id: JobID) async throws -> Result<[UInt8], any Error> {
        let (handler, payload, context) = try await claim(id)
        do {
            return .success(try await handler.run(payload, context))
        } catch {
            return .failure(error)
        }
    }

    /// Takes a job over, and leaves its run to the caller.
    func claim(_ id: JobID) async throws -> (JobHandler, [UInt8], JobContext) {
        let job = try #require(try await ledger.jobs([id])[id])
        let token = LeaseToken(
            reservedAtMicroseconds: UInt64(ContinuousClock.now.duration(to: .now).milliseconds) + UInt64(job.attempt)
                + 1,
            process: ProcessID(number: 7), lane: .normal)
        let lease = Lease(id: id, queue: job.queue, token: token)
        let verdict = try await ledger.claim([ClaimRequest(lease: lease)], process: ProcessID(number: 7))
        guard case .run(let claim) = verdict.first else { throw Unclaimable(verdict: "\(verdict)") }
        let submitter = JobSubmitter(ledger: ledger, broker: MemoryBroker(), logger: PhotoDatabase.logger)
        let context = JobContext(
            id: id, kind: job.kind, queue: job.queue, claim: claim, deadline: .now + job.timeout,
            logger: PhotoDatabase.logger, submitter: submitter)
        return (try #require(handlers.handler(for: job.kind)), job.payload, context)
    }
}

/// Knows no token.
struct Nobody: Authenticator {
    func caller(bearing token: String) async throws(Problem) -> Caller? { nil }
}

/// Whoever has no other token has a key for some queues alone, with all scopes that such a key can have.
struct ClientOfQueue: Authenticator {
    private let queues: Set<QueueName>
    private let scopes: Set<APIScope>

    init(_ queues: QueueName..., scopes: Set<APIScope> = [.submit, .readPayload, .operate]) {
        self.queues = Set(queues)
        self.scopes = scopes
    }

    func caller(bearing token: String) async throws(Problem) -> Caller? {
        guard !token.hasPrefix(UserByID.prefix), let id = APIKeyID("abcd1234") else { return nil }
        return .key(
            APIKey(id: id, name: token, digest: [], scopes: scopes, queues: queues, createdAt: .now()))
    }
}

/// Users whose tokens are `user-` and their ids.
struct UserByID: Authenticator {
    static let prefix = "user-"

    func caller(bearing token: String) async throws(Problem) -> Caller? {
        token.hasPrefix(Self.prefix) ? .user(String(token.dropFirst(Self.prefix.count))) : nil
    }
}
