// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI
import MillracePostgres

/// Who asks: users, by the tokens of their sessions.
///
/// A token comes in the header `Authorization: Bearer …`, never in a cookie: a browser sends none by itself, so no other
/// site's page can make it act for its user.
struct Sessions: Authenticator {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    let logger: Logger

    /// The user whose session it is, which is thereby used.
    func caller(bearing token: String) async throws(Problem) -> Caller? {
        guard let token = SecretToken(token, for: .session) else { return nil }
        let user = try await Problem.told(logger) {
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.useSession(token, in: $0) }
        }
        return user.map { .user("\($0)") }
    }

    /// Ends the session of a request. It may have ended since the request was let in.
    func close(_ request: APIRequest) async throws(Problem) {
        guard let token = SecretToken(try request.bearerToken(for: .user), for: .session) else { return }
        try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.closeSession(token, in: $0) }
        }
    }
}

extension APIRequest {
    /// The user to whose objects it is kept; nil for a program.
    func owner() throws(Problem) -> UserID? {
        guard case .user(let id) = caller else { return nil }
        guard let user = UserID(id) else { throw Problem(.internalError, "a session of nobody") }
        return user
    }

    /// The user who sends it, on a route with the rule `.user`.
    func user() throws(Problem) -> UserID {
        guard let user = try owner() else { throw Problem(.internalError, "a user's route without a user") }
        return user
    }
}
