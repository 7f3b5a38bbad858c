// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres
import MillraceRedis
import NIOPosix

/// Both stores, opened. Nothing was connected to yet.
struct Stores: Sendable {
    let broker: any JobBroker
    let ledger: any JobLedger
    let options: StoreOptions
    /// What the process of the API runs for the application.
    let serving: @Sendable (ApplicationParts, ApplicationSettings) -> ApplicationParts.Serving
    /// Returns when the broker may be used.
    let checkBroker: @Sendable () async throws(BrokerError) -> Void
    /// Brings the ledger to the schema of this release; returns what it ran.
    let migrate: @Sendable () async throws(LedgerError) -> [String]
    /// How many connections PostgreSQL leaves to us; nil for a ledger without such a limit.
    let connectionsAllowed: @Sendable () async throws(LedgerError) -> Int?
    /// Removes all that the broker keeps of a queue, jobs included, which only a queue of one's own bears.
    let forgetInBroker: @Sendable (QueueName) async throws(BrokerError) -> Void
    /// Ends the connections in an orderly way.
    let close: @Sendable () async -> Void

    /// Redis's connections have an event loop of their own.
    static func open(
        _ addresses: StoreAddresses, _ options: StoreOptions, _ schema: ApplicationSchema?, _ logger: Logger
    ) throws(CommandError) -> Stores {
        var configuration = PostgresLedger.Configuration(
            url: addresses.databaseURL, connections: options.generalConnections,
            transactionConnections: options.transactionConnections)
        configuration.applicationSchema = schema
        configuration.retention = options.retention
        configuration.retentionBytes = options.retentionSize.map { Int64($0.bytes) }
        let ledger = PostgresLedger(configuration, logger: logger)
        var redis = RedisBroker.Configuration(url: addresses.redisURL)
        redis.certificateAuthorityPath = addresses.redisAuthorityPath
        redis.memoryBytesMax = addresses.redisMemoryMax
        let broker: RedisBroker
        do throws(BrokerError) {
            broker = try RedisBroker(
                redis,
                eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1), logger: logger)
        } catch {
            throw CommandError(.usage, "\(StoreAddresses.redisVariable): \(error.message)")
        }
        return Stores(
            broker: broker, ledger: ledger, options: options,
            serving: { parts, settings in parts.serving(settings, ledger, logger) },
            checkBroker: { () async throws(BrokerError) in try await broker.check() },
            migrate: { [configuration] () async throws(LedgerError) in
                try await PostgresLedger.migrate(configuration, logger: logger)
            },
            connectionsAllowed: { () async throws(LedgerError) -> Int? in
                let budget = try await ledger.connectionBudget()
                return budget.allowed - budget.reserved
            },
            forgetInBroker: { (queue) async throws(BrokerError) in try await broker.forget(queue) },
            close: {
                await broker.shutdown()
                await ledger.close()
            })
    }
}

/// What a process wants of its stores.
struct StoreOptions: Sendable {
    static let connectionsRange = 4...200
    /// For commands that make a few calls and end.
    static let brief = StoreOptions(databaseConnections: 4, usesTransactions: false)
    static let supervisor = brief

    /// Connections to PostgreSQL that it may open: for most calls, one for outcomes, one for the lock of a rebuild, and
    /// those for transactions of the application's own, in handlers and routes.
    let databaseConnections: Int
    let transactionConnections: Int
    /// What a process that maintains the ledger forgets: see ``WorkersFile``.
    var retention = Limits.retention
    var retentionSize: ByteCount?

    /// - Parameter usesTransactions: leaves half of the connections to the application's transactions.
    init(databaseConnections: Int, usesTransactions: Bool) {
        self.databaseConnections = databaseConnections
        transactionConnections = usesTransactions ? max(1, (databaseConnections - 2) / 2) : 1
    }

    var generalConnections: Int { max(1, databaseConnections - 2 - transactionConnections) }
}
