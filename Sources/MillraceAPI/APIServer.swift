// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
package import Millrace
import NIOCore
import NIOSSL
public import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The HTTP API: accepts jobs, tells what became of them, and lets operators see to queues and pools.
///
/// Each route says who may use it; all but a few need an API key. Keys travel unencrypted on loopback only, unless the
/// configuration says otherwise.
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
        let answersToAnyName = configuration.hostNames.isEmpty && LoopbackAddress.bindable(configuration.host) == nil
        responder = Responder(
            table: RouteTable(routes: ownRoutes + routes, keys: keyRing, users: sessions),
            originRule: OriginRule(allowedNames: answersToAnyName ? nil : configuration.hostNames),
            budget: BodyBudget(limit: configuration.bodyBytesMax), proxies: configuration.trustedProxies,
            logger: logger)
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the service group shuts down.
    /// - Throws: ``APIError`` when the address cannot be listened on.
    public func run() async throws {
        let loopback = LoopbackAddress.bindable(configuration.host)
        guard loopback != nil || configuration.tls != nil || configuration.allowsPlaintext else {
            throw APIError(
                .addressRefused,
                "\(configuration.host) is not loopback, and keys would travel unencrypted: give the API a certificate, or "
                    + "allow plaintext where a proxy speaks TLS for it")
        }
        let host = loopback ?? configuration.host
        let application = try application(host)
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

    private func application(_ host: String) throws(APIError) -> Application<Responder> {
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
        let scheme = configuration.tls == nil ? "http" : "https"
        return Application(
            responder: responder, server: try server(channel),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax, logger: quiet)),
            onServerRunning: { [logger] channel in
                let port = channel.localAddress?.port ?? configuration.port
                logger.info("listening", metadata: [.address: "\(scheme)://\(host):\(port)"])
                await onListening(port)
            },
            logger: quiet)
    }

    private func server(_ channel: HTTP1Channel.Configuration) throws(APIError) -> HTTPServerBuilder {
        guard let files = configuration.tls else { return .http1(configuration: channel) }
        do {
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificatePath).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.keyPath, format: .pem)))
            tls.minimumTLSVersion = .tlsv12
            tls.applicationProtocols = ["http/1.1"]
            // The context is made once the server is set up, where its errors would pass for those of the address.
            _ = try NIOSSLContext(configuration: tls)
            return try .tls(.http1(configuration: channel), tlsConfiguration: tls)
        } catch {
            throw APIError(
                .certificateRefused, "TLS with \(files.certificatePath) and \(files.keyPath) is not possible: \(error)")
        }
    }
}
