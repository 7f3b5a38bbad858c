// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres

/// `/v1/users`, `/v1/login` and `/v1/logout`.
///
/// Nobody learns from a refused login whether the address has an account: for one that has none a password is checked as
/// well, against a hash that no password has, and the same is counted.
struct LoginRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    let hasher: PasswordHasher
    let limits: AttemptLimits
    let sessions: Sessions

    var routes: [Route] {
        [
            Route(.post, "/v1/users", .open) { (request) throws(Problem) in try await register(request) },
            Route(.post, "/v1/login", .open) { (request) throws(Problem) in try await logIn(request) },
            Route(.post, "/v1/logout", .user) { (request) throws(Problem) in try await logOut(request) },
        ]
    }

    // MARK: registering

    private struct Registration: Sendable {
        let email: EmailAddress
        let name: String
        let password: Password
    }

    private func register(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (wanted, _) = try await request.withJSONObject(
            upTo: AccountLimits.bodyBytesMax, known: ["email", "name", "password"]
        ) { members, faults in
            let (email, name, password) = (members.email(&faults), members.name(&faults), members.newPassword(&faults))
            guard let email, let name, let password else { return nil as Registration? }
            return Registration(email: email, name: name, password: password)
        }
        let attempt = limits.registration(from: request.clientAddress)
        let user = try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.charge([attempt], in: $0) }
            let hash = try await hasher.hash(wanted.password)
            return try await ledger.transaction(timeout: Self.timeout) {
                try AccountRows.insert(email: wanted.email, name: wanted.name, password: hash, in: $0)
            }
        }
        guard let user else { throw Problem(.emailTaken, "there is an account of this address already") }
        var json = JSONWriter()
        json.user(user)
        return Answer(status: .created, body: json.bytes)
    }

    // MARK: logging in

    private struct Login: Sendable {
        let email: EmailAddress
        let password: Password
        let device: SecretToken?
    }

    private func logIn(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (login, _) = try await request.withJSONObject(
            upTo: AccountLimits.bodyBytesMax, known: ["email", "password", "device"]
        ) { members, faults in
            let (email, password) = (members.email(&faults), members.password(&faults))
            let device = members.device(&faults)
            guard let email, let password else { return nil as Login? }
            return Login(email: email, password: password, device: device)
        }
        return try await Problem.told(request.logger) {
            let (account, attempts) = try await begin(login, from: request.clientAddress)
            let outcome = try await check(login.password, account, attempts)
            guard let account, case .right(let renewed) = outcome else { throw Problem.wrongCredentials }
            return try await openSession(login, account, attempts, renewed)
        }
    }

    /// Counts the attempt before its outcome is known, so that no number of attempts at once exceeds a limit.
    private func begin(
        _ login: Login, from address: ClientAddress?
    ) async throws -> (Account?, attempts: [Attempt]) {
        let limits = limits
        return try await ledger.transaction(timeout: Self.timeout) { transaction in
            let account = try AccountRows.find(login.email, device: login.device, in: transaction)
            let device = account?.knowsDevice == true ? login.device : nil
            let attempts = limits.login(login.email, from: address, device: device)
            try AccountRows.charge(attempts + [limits.work(from: address)], in: transaction)
            return (account, attempts)
        }
    }

    private enum Check: Sendable {
        case wrong
        /// With a new hash where the stored one was made with other parameters than today's.
        case right(renewed: PasswordHash?)
    }

    private func check(_ password: Password, _ account: Account?, _ attempts: [Attempt]) async throws -> Check {
        let stored = account?.password.hash ?? .nobodys
        do {
            return try await hasher.run {
                guard try stored.matches(password) else { return .wrong }
                return .right(renewed: stored.isCurrent ? nil : try PasswordHash(password))
            }
        } catch {
            // Nothing was learnt from it.
            try await ledger.transaction(timeout: Self.timeout) { try AccountRows.refund(attempts, in: $0) }
            throw error
        }
    }

    private func openSession(
        _ login: Login, _ account: Account, _ attempts: [Attempt], _ renewed: PasswordHash?
    ) async throws -> Answer {
        let known = account.knowsDevice ? login.device : nil
        let (token, device, user) = (SecretToken(.session), known ?? SecretToken(.device), account.user)
        let expiresAt = try await ledger.transaction(timeout: Self.timeout) { transaction in
            // With another password since it was checked, this one opens nothing any more.
            guard let stored = try AccountRows.lock(user.id, in: transaction),
                stored.version == account.password.version
            else { throw Problem.wrongCredentials }
            try AccountRows.refund(attempts, in: transaction)
            if let renewed {
                let password = StoredPassword(hash: renewed, version: stored.version)
                try AccountRows.replacePassword(of: user.id, by: password, in: transaction)
            }
            try AccountRows.remember(device, of: user.id, in: transaction)
            return try AccountRows.openSession(token, of: user.id, in: transaction)
        }
        return Answer { json in
            json.member("token", token.text)
            json.member("expires_at", expiresAt.rfc3339)
            json.member("idle_seconds_max", Int(AccountLimits.sessionIdle.components.seconds))
            json.member("device", device.text)
            json.member("user") { $0.user(user) }
        }
    }

    private func logOut(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        try await request.body.expectNone()
        try await sessions.close(request)
        return Answer(status: .noContent)
    }
}
