// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
package import MillraceAPI
package import MillracePostgres
package import ServiceLifecycle

/// Accounts: users, their passwords and their sessions.
///
/// ```swift
/// let accounts = Accounts()
/// accounts.register(in: &handlers)                                   // worker and API
/// let serving = accounts.serving(ledger: ledger, logger: logger)      // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``.
package struct Accounts: Sendable {
    private let limits: AttemptLimits

    package init() {
        self.init(limits: AttemptLimits())
    }

    init(limits: AttemptLimits) {
        self.limits = limits
    }

    /// Adds the kind `accounts.reset` and its handler.
    package func register(in handlers: inout JobHandlers) {
        handlers.register(ResetPassword.self) { job, context in try await job.run(context) }
    }

    /// What the process of the API runs: routes, services beside them, and who tells users by their tokens.
    package func serving(
        ledger: PostgresLedger, logger: Logger
    ) -> (routes: [Route], services: [any Service], sessions: any Authenticator) {
        let (hasher, sessions) = (PasswordHasher(), Sessions(ledger: ledger, logger: logger))
        let routes =
            LoginRoutes(ledger: ledger, hasher: hasher, limits: limits, sessions: sessions).routes
            + PasswordResetRoutes(ledger: ledger, hasher: hasher, limits: limits).routes
        return (routes, [AccountPruner(ledger: ledger, logger: logger)], sessions)
    }
}
