// SPDX-License-Identifier: Apache-2.0

import Logging
package import PostgresDriver

/// The tables that an application has beside the ledger, in a schema of their own.
///
/// They are migrated and checked together with the ledger's: the application's processes refuse a database that lacks
/// one of its migrations, or has one that they do not know and that does not allow them to go on.
package struct ApplicationSchema: Sendable {
    /// PostgreSQL's schema, which is made for it; not `millrace`.
    package let name: String
    /// In order; append only.
    package let migrations: [Migration]

    package init(name: String, migrations: [Migration]) {
        precondition(name != "millrace", "the schema millrace is the ledger's")
        self.name = name
        self.migrations = migrations
    }

    func migrator(_ configuration: PostgresConfiguration, logger: Logger) -> Migrator {
        Migrator(configuration, migrations: migrations, schema: name, logger: logger)
    }

    /// Reads what was applied; the table is missing where nothing was.
    var listApplied: PostgresStatement {
        let quoted = name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        return PostgresStatement(
            name: "list-application-migrations", sql: "SELECT name, allows FROM \"\(quoted)\".schema_migrations")
    }
}
