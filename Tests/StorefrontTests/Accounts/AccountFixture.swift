// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HummingbirdCore
import Millrace
import MillraceAPI
import MillracePostgres
import NIOCore
import PostgresDriver
import Testing

@testable import Storefront

/// Accounts with a database of their own, asked as the API and as a worker ask them.
struct AccountFixture: ApplicationFixture {
    static let password = "correct horse battery"

    let database: PhotoDatabase
    let ledger: PostgresLedger
    let sessions: Sessions
    let table: RouteTable
    let handlers: JobHandlers

    static func with(
        limits: AttemptLimits = AttemptLimits(), hasher: PasswordHasher = PasswordHasher(),
        _ body: (AccountFixture) async throws -> Void
    ) async throws {
        try await PhotoDatabase.with { ledger, database in
            let sessions = Sessions(ledger: ledger, logger: PhotoDatabase.logger)
            let routes =
                LoginRoutes(ledger: ledger, hasher: hasher, limits: limits, sessions: sessions).routes
                + PasswordResetRoutes(ledger: ledger, hasher: hasher, limits: limits).routes
            var handlers = JobHandlers()
            Accounts().register(in: &handlers)
            try await body(
                AccountFixture(
                    database: database, ledger: ledger, sessions: sessions,
                    table: RouteTable(routes: routes, keys: Nobody(), users: sessions), handlers: handlers))
        }
    }

    /// - Parameters:
    ///   - members: of the body; nil for none.
    ///   - address: the client's.
    func post(
        _ path: String, _ members: [String: Any]? = nil, token: String? = nil, from address: String = "192.0.2.1"
    ) async throws -> Reply {
        let answer: Answer
        do throws(Problem) {
            answer = try await table.answer(to: try Self.request(path, members, token: token, from: address))
        } catch {
            answer = error.answer
        }
        guard case .bytes(let bytes) = answer.body else {
            return Reply(status: answer.status.code, headers: answer.headers, body: [])
        }
        return Reply(status: answer.status.code, headers: answer.headers, body: bytes)
    }

    static func request(
        _ path: String, _ members: [String: Any]? = nil, token: String? = nil, from address: String = "192.0.2.1"
    ) throws(Problem) -> APIRequest {
        var headers: HTTPFields = [:]
        if let token { headers[.authorization] = "Bearer \(token)" }
        var body: [UInt8] = []
        if let members, let data = try? JSONSerialization.data(withJSONObject: members) {
            headers[.contentType] = "application/json"
            headers[.contentLength] = "\(data.count)"
            body = Array(data)
        }
        guard let target = RequestTarget(path) else { throw Problem(.malformedRequest, path) }
        return APIRequest(
            method: .post, target: target, headers: headers,
            body: BodyReader(RequestBody(buffer: ByteBuffer(bytes: body)), headers: headers),
            clientAddress: ClientAddress(address), logger: PhotoDatabase.logger)
    }

    func register(_ email: String = "ana@example.org", password: String = password) async throws {
        let reply = try await post("/v1/users", ["email": email, "name": "Ana", "password": password])
        try #require(reply.status == 201, "\(String(decoding: reply.body, as: UTF8.self))")
    }

    func logIn(
        _ email: String = "ana@example.org", password: String = password, device: String? = nil,
        from address: String = "192.0.2.1"
    ) async throws -> Reply {
        var members = ["email": email, "password": password]
        members["device"] = device
        return try await post("/v1/login", members, from: address)
    }

    /// - Returns: tokens of a session and of its device.
    func session(_ email: String = "ana@example.org") async throws -> (token: String, device: String) {
        let reply = try await logIn(email)
        try #require(reply.status == 200, "\(String(decoding: reply.body, as: UTF8.self))")
        let json = try reply.json
        return (try #require(json["token"] as? String), try #require(json["device"] as? String))
    }

    /// Whom a token stands for; nil when it is refused.
    func user(of token: String) async throws -> UserID? {
        guard case .user(let id) = try await sessions.caller(bearing: token) else { return nil }
        return UserID(id)
    }
}

extension Reply {
    /// What the API calls the problem.
    var problem: String? { (try? json["type"] as? String)?.replacing("/problems/", with: "") }
}
