// SPDX-License-Identifier: Apache-2.0

package import Millrace
package import MillraceAPI
package import MillracePostgres

/// Payments: a request becomes a row and a job, the job asks a gateway that speaks Stripe's API, and what came of it is kept
/// by double entry.
///
/// ```swift
/// let payments = Payments(environment: environment)
/// try payments.check()                            // worker and API
/// payments.register(in: &handlers)                // worker and API
/// let routes = payments.routes(ledger: ledger)    // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``. The gateway's address and secrets are in the environment: `STRIPE_SECRET_KEY`,
/// `STRIPE_WEBHOOK_SECRET` and `STRIPE_API_BASE`. Without a key the routes that need the gateway say so, and a worker leaves the
/// jobs to one that has it.
package struct Payments: Sendable {
    private let configuration: Result<GatewayConfiguration?, GatewayError>

    package init(environment: [String: String]) {
        configuration = Result { () throws(GatewayError) in try GatewayConfiguration(environment: environment) }
    }

    init(_ configuration: GatewayConfiguration?) {
        self.configuration = .success(configuration)
    }

    /// - Throws: what is wrong with the environment; never a secret.
    package func check() throws {
        _ = try configuration.get()
    }

    /// Whether the environment names one.
    var hasGateway: Bool { (try? configuration.get()) != nil }

    /// Adds the kinds `payments.charge`, `.cancel`, `.refund`, `.watch` and `.webhook` and their handlers, if there is a gateway.
    package func register(in handlers: inout JobHandlers) {
        guard let configuration = try? configuration.get() else { return }
        let gateway = StripeGateway(configuration)
        let (charger, refunder) = (PaymentCharger(gateway: gateway), PaymentRefunder(gateway: gateway))
        let (canceller, settler) = (PaymentCanceller(gateway: gateway), EventSettler(gateway: gateway))
        let watcher = PaymentWatcher(gateway: gateway)
        handlers.register(ChargePayment.self) { job, context in try await charger.run(job, context) }
        handlers.register(CancelPayment.self) { job, context in try await canceller.run(job, context) }
        handlers.register(RefundPayment.self) { job, context in try await refunder.run(job, context) }
        handlers.register(WatchPayment.self) { job, context in try await watcher.run(job, context) }
        handlers.register(SettleEvent.self) { job, context in try await settler.run(job, context) }
    }

    package func routes(ledger: PostgresLedger) -> [Route] {
        let configuration = try? configuration.get()
        return PaymentRoutes(ledger: ledger, hasGateway: hasGateway).routes
            + WebhookRoute(ledger: ledger, secret: configuration?.webhookSecret).routes
    }
}
