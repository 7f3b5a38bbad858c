// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres

/// Who asks: users, by the tokens of their sessions.
///
/// A token comes in the header `Authorization: Bearer …`, never in a cookie: a browser sends none by itself, so no other
/// site's page can make it act for its user.
struct Sessions: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger

    /// The user for whom a request is carried out, whose session is thereby used.
    /// - Throws: a problem, 401, for a request without a token, and for a token whose session has ended.
    func user(of request: APIRequest) async throws(Problem) -> User {
        let token = try Self.token(of: request)
        let user = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.useSession(token, in: $0) }
        }
        guard let user else { throw .loggedOut }
        return user
    }

    /// Ends the session of a request.
    /// - Throws: a problem, 401, when there is none.
    func close(_ request: APIRequest) async throws(Problem) {
        let token = try Self.token(of: request)
        let isClosed = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.closeSession(token, in: $0) }
        }
        guard isClosed else { throw .loggedOut }
    }

    private static func token(of request: APIRequest) throws(Problem) -> SecretToken {
        let values = request.headers[values: .authorization]
        let parts = values.count == 1 ? values[0].split(separator: " ") : []
        guard parts.count == 2, parts[0].lowercased() == "bearer",
            let token = SecretToken(String(parts[1]), for: .session)
        else { throw .loggedOut }
        return token
    }
}
