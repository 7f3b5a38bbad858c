// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle
import UnixSignals

/// Runs services until SIGTERM or SIGINT, the last one ending first.
enum ServiceRunner {
    /// - Parameters:
    ///   - executor: what the services' own tasks run on; nil for Swift's pool.
    ///   - secondSignal: what to do at a second signal; nil lets it pass.
    static func run(
        _ services: [any Service], on executor: (any TaskExecutor)? = nil, logger: Logger,
        secondSignal: SecondSignal?
    ) async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await withTaskExecutorPreference(executor) { try await group.run() }
        withExtendedLifetime(secondSignal) {}
    }
}
