// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
package import Logging
package import Millrace
import NIOCore
public import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The HTTP API: accepts jobs, tells what became of them, and lets operators see to queues and pools.
///
/// Each route says who may use it; all but a few need an API key. As keys travel unencrypted it listens on loopback
/// addresses only.
///
/// A graceful shutdown takes no new connections, finishes the requests under way, and ends those that only wait.
public struct APIServer: Service {
    private let configuration: Configuration
    /// Millrace's, without the application's.
    let ownRoutes: [Route]
    private let waiter: FinishWaiter
    private let keyRing: KeyRing
    private let responder: Responder
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - catalog: the kinds of jobs that may be submitted.
    ///   - routes: the application's own, after Millrace's; they are answered under the same rules.
    ///   - sessions: tells the application's users; nil where it has none.
    ///   - onListening: is told the port, once connections are accepted.
    package init(
        configuration: Configuration, ledger: any JobLedger, broker: any JobBroker, catalog: JobCatalog,
        routes: [Route] = [], sessions: (any Authenticator)? = nil, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        let stores = Stores(
            ledger: ledger, broker: broker, deadline: configuration.storeDeadline,
            keeper: DeadlineKeeper(on: EventLoopGroupProvider.singleton.eventLoopGroup.next()))
        waiter = FinishWaiter(
            stores: stores, broker: broker, limit: configuration.waitersMax,
            pollInterval: configuration.waitPollInterval,
            logger: logger)
        let intake = Intake(
            stores: stores, submitter: JobSubmitter(ledger: ledger, broker: broker, logger: logger))
        keyRing = KeyRing(
            stores: stores, outageMax: configuration.keyOutageMax,
            buckets: RequestBuckets(requestsPerSecond: configuration.requestsPerSecond), logger: logger)
        let described =
            SubmitRoutes(catalog: catalog, intake: intake, waiter: waiter).routes
            + JobRoutes(stores: stores, waiter: waiter).routes + QueueRoutes(stores: stores, catalog: catalog).routes
            + PoolRoutes(stores: stores, pools: configuration.pools).routes + HealthRoutes(stores: stores).routes
        ownRoutes = described + [OpenAPIDocument.route(describing: described)]
        responder = Responder(
            table: RouteTable(
                routes: ownRoutes + routes, authenticators: [keyRing] + (sessions.map { [$0] } ?? [])),
            originRule: OriginRule(allowedNames: configuration.hostNames),
            budget: BodyBudget(limit: configuration.bodyBytesMax), logger: logger)
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the service group shuts down.
    /// - Throws: ``APIError`` when the address cannot be listened on.
    public func run() async throws {
        guard let host = LoopbackAddress.bindable(configuration.host) else {
            throw APIError(.addressRefused, "\(configuration.host) is not loopback, and keys would travel unencrypted")
        }
        let application = application(host)
        let (waiter, keyRing) = (waiter, keyRing)
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await waiter.run() }
                group.addTask { await keyRing.run() }
                defer { group.cancelAll() }
                do {
                    try await application.run()
                } catch let error as IOError {
                    throw APIError(
                        error.errnoCode == EADDRINUSE ? .portTaken : .bindFailed,
                        "\(host):\(configuration.port): \(String(cString: strerror(error.errnoCode)))")
                }
            }
        } onGracefulShutdown: {
            waiter.close()
        }
    }

    private func application(_ host: String) -> Application<Responder> {
        let configuration = configuration
        let onListening = onListening
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionGuard(
                    bodyDeadline: TimeAmount(configuration.bodyDeadline), bodyRateMin: configuration.bodyRateMin,
                    answerDeadline: TimeAmount(configuration.answerDeadline))
            ],
            idleTimeout: TimeAmount(configuration.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100))
        // Hummingbird tells of its connections and of every start at info; this server has lines of its own.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: responder, server: .http1(configuration: channel),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax, logger: quiet)),
            onServerRunning: { [logger] channel in
                let port = channel.localAddress?.port ?? configuration.port
                logger.info("listening", metadata: [.address: "http://\(host):\(port)"])
                await onListening(port)
            },
            logger: quiet)
    }
}
