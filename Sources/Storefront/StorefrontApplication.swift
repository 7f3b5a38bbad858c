// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
package import MillraceAPI
package import MillracePostgres
package import ServiceLifecycle

/// The storefront as a whole: its parts as each kind of process needs them. Its tables are those of ``StorefrontSchema``.
package struct StorefrontApplication: Sendable {
    /// What the process of the API runs.
    package struct Serving: Sendable {
        package let routes: [Route]
        package let services: [any Service]
        /// Tells users by the tokens of their sessions.
        package let sessions: any Authenticator
    }

    private let photos: PhotoStorage
    private let emails: EmailDelivery
    private let accounts = Accounts()
    private let payments: Payments
    private let orders: Orders

    /// - Parameters:
    ///   - blobs: the folder of the blob store, or its bucket; see ``PhotoStorage/init(blobs:environment:)``.
    ///   - maildir: where mails go while the environment names no server.
    ///   - environment: where the services are that it uses, and its secrets.
    package init(blobs: String, maildir: String, environment: [String: String]) {
        photos = PhotoStorage(blobs: blobs, environment: environment)
        emails = EmailDelivery(blobs: blobs, maildir: maildir, environment: environment)
        payments = Payments(environment: environment)
        orders = Orders(payments: payments)
    }

    /// Looks at what it needs of the machine and of other services.
    package func check() throws {
        try photos.check()
        try emails.check()
    }

    /// - Throws: what is wrong with the environment's words for the gateway; never a secret.
    package func checkGateway() throws {
        try payments.check()
    }

    /// Its kinds with their handlers.
    package var handlers: JobHandlers {
        var handlers = JobHandlers()
        photos.register(in: &handlers)
        emails.register(in: &handlers)
        payments.register(in: &handlers)
        orders.register(in: &handlers)
        accounts.register(in: &handlers)
        return handlers
    }

    package func serving(ledger: PostgresLedger, logger: Logger) -> Serving {
        let photos = photos.serving(ledger: ledger, logger: logger)
        let accounts = accounts.serving(ledger: ledger, logger: logger)
        let routes = [
            accounts.routes, CatalogRoutes(ledger: ledger).routes, orders.routes(ledger: ledger),
            photos.routes, payments.routes(ledger: ledger), emails.routes(ledger),
        ]
        return Serving(
            routes: routes.flatMap(\.self),
            services: photos.services + accounts.services + orders.services(ledger: ledger, logger: logger),
            sessions: accounts.sessions)
    }
}
