// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Cancels jobs whose time to begin is over, first in the ledger and then, when that is committed, in the broker.
///
/// It may die between the two, or find the broker away. Then what the broker still has of such a job dies at its claim, at the
/// latest when it is due; an operator who opens the job again before has it pushed, which takes it out of its wait; and whoever
/// waits for its end looks at the ledger every few seconds.
actor Expirer: Chore {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    static let name = "expirer"

    private static let pause: Duration = .seconds(600)
    private static let roundsMax = 20

    private nonisolated let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let ledger: any JobLedger
    private let logger: Logger

    init(eventLoop: any EventLoop, broker: any JobBroker, ledger: any JobLedger, logger: Logger) {
        self.eventLoop = eventLoop
        self.broker = broker
        self.ledger = ledger
        self.logger = logger
    }

    func once() async throws -> Duration {
        var count = 0
        for _ in 0..<Self.roundsMax {
            let expired = try await ledger.expire(limit: Limits.storeBatchMax)
            count += expired.count
            for job in expired { try await broker.cancel(job.id, token: job.token, in: job.queue) }
            // An operator may have opened some of them again meanwhile.
            try await ledger.flagAgain(expired.map(\.id))
            guard expired.count == Limits.storeBatchMax else {
                if count > 0 { logger.info("jobs that had expired were cancelled", metadata: [.count: "\(count)"]) }
                return Self.pause
            }
        }
        logger.info("jobs that had expired were cancelled", metadata: [.count: "\(count)"])
        return .zero
    }
}
