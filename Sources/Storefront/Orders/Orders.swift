// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
package import MillraceAPI
package import MillracePostgres
package import ServiceLifecycle

/// Orders: what a user wants is taken off the shelf together with the payment for it, and the payment decides what
/// becomes of both.
///
/// ```swift
/// let orders = Orders(payments: payments)
/// orders.register(in: &handlers)                  // worker and API
/// let routes = orders.routes(ledger: ledger)      // API
/// let services = orders.services(ledger: ledger, logger: logger)     // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``. What follows a payment is in ``OrderBook``, which the handlers of
/// ``Payments`` call.
package struct Orders: Sendable {
    private let payments: Payments

    package init(payments: Payments) {
        self.payments = payments
    }

    /// Adds the kind `orders.abandon` and its handler.
    package func register(in handlers: inout JobHandlers) {
        handlers.register(AbandonOrder.self) { job, context in try await job.run(context) }
    }

    package func routes(ledger: PostgresLedger) -> [Route] {
        OrderRoutes(ledger: ledger, hasGateway: payments.hasGateway).routes
    }

    /// What the process of the API runs beside them.
    package func services(ledger: PostgresLedger, logger: Logger) -> [any Service] {
        [OrderSweeper(ledger: ledger, logger: logger)]
    }
}
