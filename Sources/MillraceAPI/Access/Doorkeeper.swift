// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Finds out who sends a request, and whether that one may.
struct Doorkeeper: Sendable {
    /// Asked who bears a token of a program's.
    let keys: any Authenticator
    /// Asked who bears a token of a user's; nil where there are no users.
    let users: (any Authenticator)?

    /// - Throws: 401 without a good token, 403 when the rule does not let its bearer in.
    func admit(_ request: APIRequest, by rule: AccessRule) async throws(Problem) -> Caller {
        if rule == .open { return .anyone }
        let token = try request.bearerToken(for: rule)
        // Of users no more is asked than the rule wants: it costs a look at the database, and anybody can make up tokens.
        for authenticator in [keys, rule.admitsUsers ? users : nil] {
            if let caller = try await authenticator?.caller(bearing: token) {
                try rule.check(caller)
                return caller
            }
        }
        throw .unauthenticated(
            rule.admitsUsers
                ? "the token is not known, has expired or was revoked"
                : "this is not a key of the API, or one that has expired or was revoked; it takes a key, and no user's session",
            isTokenAtFault: true)
    }
}

extension APIRequest {
    /// What stands behind `Authorization: Bearer`.
    /// - Parameter rule: tells which token a request without one is told to send.
    /// - Throws: 401 without one, and for a header of another form.
    package func bearerToken(for rule: AccessRule) throws(Problem) -> String {
        let values = headers[values: .authorization]
        guard let value = values.first else {
            let wanted =
                switch rule {
                case .user: "the token of a user's session: Authorization: Bearer …, as logging in gives it"
                case .userOrScope: "the token of a user's session, or a key: Authorization: Bearer …"
                case .open, .scope: "a key: Authorization: Bearer mr_…; `millrace keys create` makes one"
                }
            throw .unauthenticated("this request needs \(wanted)", isTokenAtFault: false)
        }
        guard values.count == 1 else {
            throw .unauthenticated("the header Authorization is there more than once", isTokenAtFault: true)
        }
        let parts = value.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= APILimits.tokenBytesMax else {
            throw .unauthenticated("the header Authorization is not: Bearer and a token", isTokenAtFault: true)
        }
        return String(parts[1])
    }
}

extension Problem {
    /// - Parameter isTokenAtFault: there was one, and it is no good.
    package static func unauthenticated(_ detail: String, isTokenAtFault: Bool) -> Problem {
        var problem = Problem(.unauthenticated, detail)
        problem.challenge = isTokenAtFault ? "Bearer error=\"invalid_token\"" : "Bearer"
        return problem
    }
}
