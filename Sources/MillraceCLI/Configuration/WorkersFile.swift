// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// What `workers.yml` says: the API and the pools of worker processes that `millrace up` runs.
///
/// Each process reads the file once, when it starts. The stores' addresses are in the environment only (`REDIS_URL`,
/// `DATABASE_URL`), since they hold passwords.
///
/// Change together: `WorkersFileReader`, the sample `workers.yml`.
struct WorkersFile: Sendable, Equatable {
    /// Whether there are jobs of the kinds `diagnostics.*`, with which an operator tries out an installation. Default
    /// false.
    var diagnostics = false
    var api = APISettings()
    /// The folder of the local blob store, in which the application keeps what is too large for a database. In the file
    /// it is absolute or relative to the folder of the file, here absolute or relative to the working folder. Default
    /// `.millrace/blobs`.
    var blobs = ".millrace/blobs"
    /// The folder to which the application writes mails while no server is named for them; as `blobs`. Default
    /// `.millrace/mail`.
    var maildir = ".millrace/mail"
    /// How long jobs that have ended are remembered, 1 day…10 years. Default ``Limits/retention``.
    var retention = Limits.retention
    /// What all rows of the ledger may take on disk, 64 MiB…1024 GiB, before the oldest jobs that have ended are forgotten
    /// early. Default none.
    var retentionSize: ByteCount?
    /// At most 64. Default: one pool `default`.
    var pools = [PoolSettings(name: "default")]

    struct APISettings: Sendable, Equatable {
        /// The address that it listens on. Default `127.0.0.1`.
        var host = "127.0.0.1"
        /// 1…65535. Default 8080.
        var port = 8080
        /// Names besides those of loopback by which clients may call it, at most 32. Default none.
        var hostNames: [String] = []
        /// PEM files for TLS; in the file as ``WorkersFile/blobs`` is. Default none: no TLS.
        var tls: APIServer.TLSFiles?
        /// Whether it may listen on other than loopback without TLS. Default false.
        var plaintext = false
        /// Proxies whose `X-Forwarded-For` is believed, beside those on this machine, at most 32. Default none.
        var trustedProxies: [APIServer.Network] = []
        /// Connections to PostgreSQL at most, 4…200; half of them for transactions of the application's own. Default 10.
        var databaseConnections = 10
    }

    struct PoolSettings: Sendable, Equatable {
        /// 1 to 64 characters of `[a-z0-9._-]`.
        var name: String
        /// Where its processes take jobs from, in rotation; 1…32. Default `default`.
        var queues: [QueueName] = [.default]
        /// Handlers that run at the same time in one process, 1…1000. Default 10.
        var concurrency = 10
        /// Processes, 0…128, unless `millrace scale` says otherwise. Default 1.
        var count = 1
        /// How long running handlers may go on when a process is told to end, 0 s…1 h. Default 25 s.
        var drainTimeout: Duration = .seconds(25)
        /// Connections of each process to PostgreSQL at most, 4…200; half of them for handlers' own transactions.
        /// Default 10.
        var databaseConnections = 10
        /// What each process may hold, 64 MiB…1024 GiB: one that holds more is killed, and what it ran is run again alone.
        /// Default none.
        var memory: ByteCount?

        /// The settings of the process that runs suspects of the pool's queues, one at a time.
        var alone: PoolSettings {
            var settings = self
            settings.concurrency = 1
            settings.databaseConnections = StoreOptions.connectionsRange.lowerBound
            return settings
        }

        /// Suspects that such a process runs in its life: where memory is limited none pays for what another left behind.
        var suspectsMax: Int? { memory == nil ? nil : 1 }
    }

    static let retentionRange: ClosedRange<Duration> = .seconds(86_400) ... .seconds(3650 * 86_400)
    static let retentionSizeRange = memoryRange
    static let memoryRange = ByteCount(bytes: 64 << 20)...ByteCount(bytes: 1 << 40)
    /// Processes of one pool.
    static let poolCountMax = 128
    /// Processes of all pools together, as the file says.
    static let processesMax = 256

    func application(_ environment: [String: String]) -> ApplicationSettings {
        ApplicationSettings(blobs: blobs, maildir: maildir, environment: environment)
    }

    /// Connections to PostgreSQL that all processes together may open with these counts, the supervisor's included.
    func databaseConnections(counts: [String: Int]) -> Int {
        pools.reduce(api.databaseConnections + StoreOptions.supervisor.databaseConnections) { sum, pool in
            let count = counts[pool.name] ?? pool.count
            return sum + count * pool.databaseConnections + (count > 0 ? pool.alone.databaseConnections : 0)
        }
    }

    /// - Throws: `.unavailable` when PostgreSQL leaves fewer connections than these counts may need.
    func refuseTooManyConnections(counts: [String: Int], allowed: Int?) throws(CommandError) {
        let wanted = databaseConnections(counts: counts)
        guard let allowed, allowed < wanted else { return }
        throw CommandError(
            .unavailable,
            "PostgreSQL allows \(allowed) connections, these processes may open \(wanted): "
                + "raise max_connections, or lower the pools' counts or database_connections in workers.yml")
    }

    /// Of the pool whose handlers may go on longest.
    var drainTimeoutMax: Duration { pools.map(\.drainTimeout).max() ?? .zero }

    func pool(named name: String) -> PoolSettings? {
        pools.first { $0.name == name }
    }

    /// The queues of all pools, each once, in the order of the file.
    var queues: [QueueName] {
        pools.flatMap(\.queues).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
