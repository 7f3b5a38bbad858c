// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceCLI
import Storefront

/// The command `millrace`, with the storefront's jobs.
@main
struct Entry {
    static func main() async {
        await MillraceApplication(.storefront).run()
    }
}

extension ApplicationParts {
    fileprivate static let storefront = ApplicationParts(
        schema: StorefrontSchema.schema,
        handlers: { settings in
            var handlers = JobHandlers()
            PhotoStorage(settings).register(in: &handlers)
            EmailDelivery(settings).register(in: &handlers)
            let payments = Payments(environment: settings.environment)
            payments.register(in: &handlers)
            Orders(payments: payments).register(in: &handlers)
            Accounts().register(in: &handlers)
            return handlers
        },
        check: { settings in
            try PhotoStorage(settings).check()
            try EmailDelivery(settings).check()
            do {
                try Payments(environment: settings.environment).check()
            } catch {
                throw SettingsError("\(error)")
            }
        },
        serving: { settings, ledger, logger in
            let photos = PhotoStorage(settings).serving(ledger: ledger, logger: logger)
            let accounts = Accounts().serving(ledger: ledger, logger: logger)
            let payments = Payments(environment: settings.environment)
            let routes = [
                photos.routes, EmailDelivery(settings).routes(ledger), accounts.routes, payments.routes(ledger: ledger),
                CatalogRoutes(ledger: ledger).routes, Orders(payments: payments).routes(ledger: ledger),
            ]
            return Serving(
                routes: routes.flatMap(\.self), services: photos.services + accounts.services,
                sessions: accounts.sessions)
        })
}

extension PhotoStorage {
    fileprivate init(_ settings: ApplicationSettings) {
        self.init(blobs: settings.blobs, environment: settings.environment)
    }
}

extension EmailDelivery {
    fileprivate init(_ settings: ApplicationSettings) {
        self.init(blobs: settings.blobs, maildir: settings.maildir, environment: settings.environment)
    }
}
