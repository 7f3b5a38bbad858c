// SPDX-License-Identifier: Apache-2.0

/// Where PostgreSQL is and how its sessions are set up.
public struct PostgresConfiguration: Sendable, CustomStringConvertible {
    /// A name and value for `set_config`, applied to each new session.
    public struct Setting: Hashable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `postgresql://user:password@host:port/database?sslmode=…`, or libpq's `key=value` form. What is missing comes from the
    /// environment (`PGPASSWORD`, `PGSSLROOTCERT`, …) as with every libpq program.
    public var url: String
    /// Shown in `pg_stat_activity` unless the URL names another.
    public var applicationName: String
    /// For each host of the URL, unless that says `connect_timeout`; resolving a name is the system's and not counted. Also
    /// what an unacknowledged packet may take, unless the URL says `tcp_user_timeout`. Default 5 s.
    public var connectTimeout: Duration
    /// How long a cancelled statement may take to end before the connection is given up. Default 200 ms.
    public var cancelGrace: Duration
    /// Applied after `TimeZone` (UTC), which they may override.
    public var settings: [Setting]

    public init(
        url: String, applicationName: String = "millrace", connectTimeout: Duration = .seconds(5),
        cancelGrace: Duration = .milliseconds(200), settings: [Setting] = []
    ) {
        self.url = url
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.cancelGrace = cancelGrace
        self.settings = settings
    }

    /// Without the URL, which may hold a password.
    public var description: String { "PostgresConfiguration(applicationName: \(applicationName))" }
}
