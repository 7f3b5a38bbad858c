// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle
import UnixSignals

/// Runs services until SIGTERM or SIGINT, the last one ending first; a second signal ends the process at once.
enum ServiceRunner {
    /// - Parameters:
    ///   - executor: what the services' own tasks run on; nil for Swift's pool.
    ///   - beforeSecondSignal: called right before a second signal ends the process.
    static func run(
        _ services: [any Service], on executor: EventLoopTaskExecutor? = nil, logger: Logger,
        beforeSecondSignal: @escaping @Sendable () -> Void = {}
    ) async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        let secondSignal = SecondSignal(beforeEnd: beforeSecondSignal)
        try await withTaskExecutorPreference(executor) { try await group.run() }
        withExtendedLifetime(secondSignal) {}
    }
}
