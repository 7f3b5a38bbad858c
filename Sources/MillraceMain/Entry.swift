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
        handlers: { StorefrontApplication($0).handlers },
        check: { settings in
            let storefront = StorefrontApplication(settings)
            try storefront.check()
            do {
                try storefront.checkGateway()
            } catch {
                throw SettingsError("\(error)")
            }
        },
        serving: { settings, ledger, logger in
            let serving = StorefrontApplication(settings).serving(ledger: ledger, logger: logger)
            return Serving(routes: serving.routes, services: serving.services, sessions: serving.sessions)
        })
}

extension StorefrontApplication {
    fileprivate init(_ settings: ApplicationSettings) {
        self.init(blobs: settings.blobs, maildir: settings.maildir, environment: settings.environment)
    }
}
