// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace
import MillraceAPI

/// `millrace serve`
struct ServeCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Runs the HTTP API.",
        discussion: "It starts also while a store is away; /readyz says so then.")

    @OptionGroup var file: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions
    @Option(help: "The address to listen on. Default: that of workers.yml.")
    var host: String?
    @Option(help: "The port to listen on, 1 to 65535. Default: that of workers.yml.")
    var port: Int?
    @Flag(
        help:
            "Listens without TLS on other than loopback too: for a proxy that speaks TLS. Default: as workers.yml says."
    )
    var plaintext = false

    func validate() throws {
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("--port: expected 1 to 65535, found \(port)")
        }
    }

    func run(in context: CommandContext) async throws {
        let settings = try file.load(in: context)
        let logger = context.logger(try logging.level(context.environment))
        try context.checkApplication(settings)
        let options = StoreOptions(databaseConnections: settings.api.databaseConnections, usesTransactions: true)
        let stores = try context.openStores(StoreAddresses(environment: context.environment), options, logger)
        let configuration = APIServer.Configuration(
            host: host ?? settings.api.host, port: port ?? settings.api.port, hostNames: settings.api.hostNames,
            tls: settings.api.tls, allowsPlaintext: plaintext || settings.api.plaintext,
            trustedProxies: settings.api.trustedProxies,
            pools: settings.pools.map { APIServer.Pool(name: $0.name, fileCount: $0.count) })
        let application = stores.serving(context.parts, settings.application(context.environment))
        let server = APIServer(
            configuration: configuration, ledger: stores.ledger, broker: stores.broker,
            catalog: context.handlers(for: settings).catalog, routes: application.routes,
            sessions: application.sessions, logger: logger)
        let check = StoreCheck(gate: StoreGate(stores: stores, logger: logger))
        do {
            try await ServiceRunner.run(
                [check] + application.services + [server], logger: logger,
                secondSignal: context.secondSignal(
                    drain: "requests under way are finished", loss: "what requests under way came to is not told"))
        } catch let error as APIError {
            throw Self.refusal(error, port: configuration.port)
        }
        await stores.close()
    }

    /// Trying again does not help, which `up` takes from the exit code.
    private static func refusal(_ error: APIError, port: Int) -> CommandError {
        let advice: String
        switch error.code {
        case .addressRefused: advice = ": api.tls_certificate and api.tls_key, or api.plaintext, in workers.yml"
        case .portTaken: advice = Self.adviceOnPort(port)
        default: advice = ""
        }
        return CommandError(.usage, error.message + advice)
    }

    private static func adviceOnPort(_ port: Int) -> String {
        ": stop what listens there (ss -ltnp 'sport = :\(port)' names it), or choose another port with --port or api.port "
            + "in workers.yml"
    }
}
