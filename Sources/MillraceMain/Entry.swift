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
            PhotoStorage(folder: settings.blobs).register(in: &handlers)
            return handlers
        },
        check: { settings in try PhotoStorage(folder: settings.blobs).check() },
        serving: { settings, ledger, logger in
            let (routes, services) = PhotoStorage(folder: settings.blobs).serving(ledger: ledger, logger: logger)
            return Serving(routes: routes, services: services)
        })
}
