// SPDX-License-Identifier: Apache-2.0

public import Millrace
import MillracePostgres

/// Mails a token by which another password can be chosen, if an address has an account.
///
/// It is submitted by `POST /v1/password-reset`.
public struct ResetPassword: Job {
    public static let kind: JobKind = "accounts.reset"
    public static let defaults = JobOptions(queue: "email", maxAttempts: 10, timeout: .seconds(30))

    public let email: EmailAddress

    public struct Output: Codable, Sendable, Equatable {
        /// False when the address has no account, and while three tokens of it are good.
        public let isSent: Bool
    }
}

extension ResetPassword {
    /// Its handler: the token's row, the mail and this job's outcome are committed together.
    ///
    /// While it is good the token also stands in the payload of the mail's job, and nowhere else.
    func run(_ context: JobContext) async throws -> Output {
        try await context.transaction { transaction in
            guard let user = try AccountRows.find(email, in: transaction)?.user,
                try AccountRows.lock(user.id, in: transaction) != nil
            else { return Output(isSent: false) }
            let token = SecretToken(.reset)
            guard try AccountRows.insertReset(token, of: user.id, in: transaction) else { return Output(isSent: false) }
            let message = try EmailMessage(
                template: "password-reset", values: ["name": .string(user.name), "token": .string(token.text)])
            try transaction.send(SendEmail(to: Mailbox(try EmailAddress(user.email)), message))
            return Output(isSent: true)
        }
    }
}
