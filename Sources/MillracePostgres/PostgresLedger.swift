// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Millrace
import PostgresDriver

/// The ledger in PostgreSQL: one row a job in `millrace.job_rows`, which people read through the view `millrace.jobs`.
///
/// Three pools, so that none can starve another: one for most calls, one connection for what must always get through
/// (outcomes, and the keys of the API), and one for handlers' own transactions, whose sessions plan as usual.
public final class PostgresLedger: JobLedger {
    let general: PostgresPool
    let urgent: PostgresPool
    let handlers: PostgresPool
    let configuration: Configuration
    let logger: Logger
    let clock = ServerClock()
    let knownQueues = KnownQueues()
    let keysInFlight = KeysInFlight()
    /// Tells this ledger's counts from those of others, so that they do not wait for each other.
    let shard = Int64.random(in: .min ... .max)
    let acceptor: Acceptor

    public init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let session = configuration.session(settings: Self.plannerSettings + Self.sessionSettings)
        general = PostgresPool(session, size: configuration.connections, logger: logger)
        urgent = PostgresPool(session, size: 1, logger: logger)
        handlers = PostgresPool(
            configuration.session(settings: Self.sessionSettings), size: configuration.transactionConnections,
            logger: logger)
        acceptor = Acceptor(
            pool: general, clock: clock, knownQueues: knownQueues, waitingJobsMax: configuration.waitingJobsMax,
            timeout: configuration.acceptTimeout, logger: logger)
    }

    /// Ends all connections, after the calls that are under way.
    public func close() async {
        await general.close()
        await urgent.close()
        await handlers.close()
    }

    public func check() async throws(LedgerError) {
        let row = try await first(of: Statements.checkLedger)
        let (isReadOnly, hasPartition, applied) = try decoding { () throws(PostgresError) in
            let migrations = zip(try row.textArray(2), try row.textArray(3))
            return (
                try row.bool(0), try row.bool(1),
                migrations.compactMap { name, allows in name.map { AppliedMigration(name: $0, allows: allows) } }
            )
        }
        if let schema = configuration.applicationSchema {
            try Self.require(Self.status(applied: applied, await appliedBeside(schema), of: schema))
        } else {
            try Self.require(Self.status(applied: applied))
        }
        guard !isReadOnly else { throw LedgerError(.misconfigured, "the server is read-only", sqlState: "25006") }
        guard hasPartition else { throw LedgerError(.unavailable, "today's partition of millrace.job_rows is missing") }
    }

    /// How many connections the server allows and has in use, this process's own included.
    package func connectionBudget() async throws(LedgerError) -> ConnectionBudget {
        let row = try await first(of: Statements.readConnections)
        return try decoding { () throws(PostgresError) in
            ConnectionBudget(
                allowed: try row.integer(0), reserved: try row.integer(1), used: try row.integer(2),
                wanted: configuration.connectionsMax)
        }
    }

    /// What every plan of ours depends on: look-ups by index, never by statistics, which fresh partitions do not have.
    static let plannerSettings = [
        PostgresConfiguration.Setting("enable_seqscan", "off"),
        PostgresConfiguration.Setting("enable_bitmapscan", "off"),
        PostgresConfiguration.Setting("enable_hashjoin", "off"),
        PostgresConfiguration.Setting("enable_mergejoin", "off"),
        PostgresConfiguration.Setting("plan_cache_mode", "force_generic_plan"),
        // A row that somebody holds must not hold up a whole batch.
        PostgresConfiguration.Setting("lock_timeout", "1s"),
    ]

    private static let sessionSettings = [
        PostgresConfiguration.Setting("jit", "off"),
        // An accepted job survives a crash, whatever the database's default.
        PostgresConfiguration.Setting("synchronous_commit", "on"),
        // The server gives up on a client that is gone, so that its locks do not outlive it for long.
        PostgresConfiguration.Setting("tcp_keepalives_idle", "10"),
        PostgresConfiguration.Setting("tcp_keepalives_interval", "5"),
        PostgresConfiguration.Setting("tcp_keepalives_count", "3"),
        PostgresConfiguration.Setting("idle_in_transaction_session_timeout", "15s"),
    ]
}

/// What the server's limit of connections leaves.
package struct ConnectionBudget: Sendable, Equatable {
    /// `max_connections`.
    package var allowed: Int
    /// `superuser_reserved_connections`: not for us.
    package var reserved: Int
    /// By all clients.
    package var used: Int
    /// The most that one process with this configuration opens.
    package var wanted: Int
}

extension PostgresLedger {
    /// Where the ledger is and how much of it one process may take.
    public struct Configuration: Sendable {
        /// `postgresql://user:password@host:port/database?sslmode=…`, or libpq's `key=value` form.
        public var url: String
        /// Shown in `pg_stat_activity`. Default `millrace`.
        public var applicationName: String
        /// Connections for most calls, 1 or more. Default 4. Outcomes have one more of their own.
        public var connections: Int
        /// Connections for handlers' own transactions, 1 or more. Default 4, opened when needed.
        public var transactionConnections: Int
        /// From a submission to its answer, and 200 µs more for each job and kilobyte. Default 700 ms.
        public var acceptTimeout: Duration
        /// For all other calls. Default 5 s.
        public var callTimeout: Duration
        /// For what reads many rows and nobody waits for. Default 30 s.
        public var maintenanceTimeout: Duration
        /// For all migrations together, waiting for another process that migrates included; no single statement has less. A
        /// large ledger's new index may take hours, beside all writers. Default a day, which is the most.
        public var migrationTimeout: Duration
        /// Jobs and kilobytes that may wait in this process to be written; beyond that submissions are refused. Default
        /// 50,000.
        public var waitingJobsMax: Int
        /// How long finished jobs are kept, counted in whole days. Default ``Limits/retention``.
        public var retention: Duration
        /// Bytes of disk that all days together may take; beyond it the oldest are forgotten early, whole days of which
        /// every job has ended; those of the current day and the one before never. Default nil: no bound.
        public var retentionBytes: Int64?
        /// The application's tables beside the ledger's. Default none.
        package var applicationSchema: ApplicationSchema?

        public init(
            url: String, applicationName: String = "millrace", connections: Int = 4, transactionConnections: Int = 4,
            acceptTimeout: Duration = .milliseconds(700), callTimeout: Duration = .seconds(5),
            maintenanceTimeout: Duration = .seconds(30), migrationTimeout: Duration = .seconds(86_400),
            waitingJobsMax: Int = 50_000, retention: Duration = Limits.retention, retentionBytes: Int64? = nil
        ) {
            self.url = url
            self.applicationName = applicationName
            self.connections = connections
            self.transactionConnections = transactionConnections
            self.acceptTimeout = acceptTimeout
            self.callTimeout = callTimeout
            self.maintenanceTimeout = maintenanceTimeout
            self.migrationTimeout = migrationTimeout
            self.waitingJobsMax = waitingJobsMax
            self.retention = retention
            self.retentionBytes = retentionBytes
        }

        /// The three pools, and one for the lock of a rebuild.
        package var connectionsMax: Int { connections + 1 + transactionConnections + 1 }

        func session(settings: [PostgresConfiguration.Setting] = []) -> PostgresConfiguration {
            PostgresConfiguration(url: url, applicationName: applicationName, settings: settings)
        }
    }
}
