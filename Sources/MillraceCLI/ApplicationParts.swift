// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
package import MillraceAPI
package import MillracePostgres
package import ServiceLifecycle

/// What an application brings to Millrace: its jobs, and tables, routes and services beside them.
///
/// ```swift
/// extension ApplicationParts {
///     static let photos = ApplicationParts(
///         schema: StorefrontSchema.schema,
///         handlers: { settings in
///             var handlers = JobHandlers()
///             photos(settings).register(in: &handlers)
///             return handlers
///         },
///         serving: { settings, ledger, logger in
///             let (routes, services) = photos(settings).serving(ledger: ledger, logger: logger)
///             return Serving(routes: routes, services: services)
///         })
///
///     private static func photos(_ settings: ApplicationSettings) -> PhotoStorage {
///         PhotoStorage(blobs: settings.blobs, environment: settings.environment)
///     }
/// }
/// ```
package struct ApplicationParts: Sendable {
    /// What the process of the API runs for the application.
    package struct Serving: Sendable {
        /// Answered under the same rules as Millrace's own.
        var routes: [Route] = []
        /// They end with the API.
        var services: [any Service] = []
        /// Tells who bears a user's token, for routes with the rule `.user`. nil where there are no users.
        var sessions: (any Authenticator)?

        package init(
            routes: [Route] = [], services: [any Service] = [], sessions: (any Authenticator)? = nil
        ) {
            self.routes = routes
            self.services = services
            self.sessions = sessions
        }
    }

    /// Its tables: `migrate` makes them, all else refuses a database without them. nil for none.
    let schema: ApplicationSchema?
    let handlers: @Sendable (ApplicationSettings) -> JobHandlers
    let check: @Sendable (ApplicationSettings) throws -> Void
    let serving: @Sendable (ApplicationSettings, PostgresLedger, Logger) -> Serving

    /// - Parameters:
    ///   - handlers: what its workers run; its API accepts jobs of these kinds.
    ///   - check: looks at what it needs of the machine; `serve`, `work` and `up` do not start when it throws,
    ///     and their exit code is 71, or 2 for a ``SettingsError``.
    ///   - serving: is handed the ledger, for rows and jobs in transactions of the application's own.
    package init(
        schema: ApplicationSchema? = nil, handlers: @escaping @Sendable (ApplicationSettings) -> JobHandlers,
        check: @escaping @Sendable (ApplicationSettings) throws -> Void = { _ in },
        serving: @escaping @Sendable (ApplicationSettings, PostgresLedger, Logger) -> Serving = { _, _, _ in Serving() }
    ) {
        self.schema = schema
        self.handlers = handlers
        self.check = check
        self.serving = serving
    }
}

/// What an application's check throws where the environment or `workers.yml` is at fault, and not the machine.
package struct SettingsError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// What `workers.yml` and the environment say to the application.
package struct ApplicationSettings: Sendable, Equatable {
    /// Where photos are kept: a folder, by an absolute path or one relative to the working folder, or an address such as
    /// `s3://BUCKET`.
    package let blobs: String
    /// The folder to which mails are written while no server is named, absolute or relative as `blobs` is.
    package let maildir: String
    /// Where its secrets are: never to be logged as a whole.
    package let environment: [String: String]
}
