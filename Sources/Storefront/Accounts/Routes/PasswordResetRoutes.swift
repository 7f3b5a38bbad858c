// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import MillracePostgres

/// `/v1/password-reset`: another password, for whoever reads the mail of the account's address.
///
/// Asking for one is answered alike, and takes as long, whether the address has an account or not: it only submits the
/// job ResetPassword, which looks.
struct PasswordResetRoutes: Sendable {
    private static let timeout: Duration = .seconds(5)

    let ledger: PostgresLedger
    let hasher: PasswordHasher
    let limits: AttemptLimits

    var routes: [Route] {
        [
            Route(.post, "/v1/password-reset", .open) { (request) throws(Problem) in try await ask(request) },
            Route(.post, "/v1/password-reset/confirm", .open) { (request) throws(Problem) in
                try await confirm(request)
            },
        ]
    }

    private func ask(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (email, _) = try await request.withJSONObject(upTo: AccountLimits.bodyBytesMax, known: ["email"]) {
            members, faults in members.email(&faults)
        }
        let attempt = limits.reset(from: request.clientAddress)
        let options = EnqueueOptions(trace: TraceParent.value(request.headers))
        try await Problem.told(request.logger) {
            try await ledger.transaction(timeout: Self.timeout) { transaction in
                try AccountRows.charge([attempt], in: transaction)
                try transaction.enqueue(ResetPassword(email: email), options)
            }
        }
        return Answer(status: .accepted) { _ in }
    }

    private struct Confirmation: Sendable {
        let token: SecretToken?
        let password: Password
    }

    private func confirm(_ request: APIRequest) async throws(Problem) -> Answer {
        _ = try request.query()
        let (wanted, _) = try await request.withJSONObject(
            upTo: AccountLimits.bodyBytesMax, known: ["token", "password"]
        ) { members, faults in
            let token = members.string("token", expected: "the token of a mail", &faults)
            guard let token, let password = members.newPassword(&faults) else { return nil as Confirmation? }
            return Confirmation(token: SecretToken(token, for: .reset), password: password)
        }
        guard let token = wanted.token else { throw .resetExpired }
        let device = SecretToken(.device)
        try await Problem.told(request.logger) {
            let found = try await ledger.transaction(timeout: Self.timeout) {
                try AccountRows.findReset(token, in: $0)
            }
            guard let id = found else { throw Problem.resetExpired }
            let hash = try await hasher.hash(wanted.password)
            try await ledger.transaction(timeout: Self.timeout) { transaction in
                guard let old = try AccountRows.lock(id, in: transaction),
                    try AccountRows.useReset(token, in: transaction)
                else { throw Problem.resetExpired }
                let password = StoredPassword(hash: hash, version: old.version + 1)
                try AccountRows.replacePassword(of: id, by: password, in: transaction)
                try AccountRows.revokeAccess(of: id, in: transaction)
                try AccountRows.remember(device, of: id, in: transaction)
            }
        }
        return Answer { json in json.member("device", device.text) }
    }
}

extension Problem {
    fileprivate static var resetExpired: Problem {
        Problem(.invalidField, Faults(Fault("/token", "it is unknown, was used already, or is older than 30 minutes")))
    }
}
