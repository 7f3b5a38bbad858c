// SPDX-License-Identifier: Apache-2.0

import Millrace
import NIOCore

/// Sees to it that the ledger has what it needs ahead of time.
actor Maintainer: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "maintainer"

    private nonisolated let eventLoop: any EventLoop
    private let ledger: any JobLedger

    init(eventLoop: any EventLoop, ledger: any JobLedger) {
        self.eventLoop = eventLoop
        self.ledger = ledger
    }

    func once() async throws -> Duration {
        try await ledger.maintain()
        return .seconds(600)
    }
}
