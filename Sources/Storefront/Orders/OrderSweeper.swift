// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres
import ServiceLifecycle

/// Gives up pending orders that nothing looks after any more, so that their stock is not held for ever: the charge's
/// job has died, or an operator has cancelled it. Any number of processes may sweep at once.
struct OrderSweeper: Service {
    private static let interval: Duration = .seconds(600)
    private static let timeout: Duration = .seconds(30)
    /// Orders that are looked up at once.
    private static let batch = 100

    let ledger: PostgresLedger
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil {
                do {
                    try await sweep()
                } catch {
                    logger.warning("forgotten orders were not given up", metadata: [.error: "\(error)"])
                }
            }
        }
    }

    /// Gives up all that there are; returns how many.
    @discardableResult
    func sweep(batch: Int = Self.batch) async throws -> Int {
        var count = 0
        while true {
            let found = try await ledger.transaction(timeout: Self.timeout) {
                try OrderRows.forgotten(limit: batch, in: $0)
            }
            var ended = 0
            for (order, payment) in found {
                // One at a time, since two would be locked upwards: products, and then the next one's payment.
                let isEnded = try await ledger.transaction(timeout: Self.timeout) {
                    try OrderBook.giveUp(order, as: .abandoned, ifPaymentIs: [payment], in: $0)
                }
                guard isEnded else { continue }
                logger.warning("gave up an order that no job looked after", metadata: [.address: "\(order)"])
                ended += 1
            }
            count += ended
            // Those that others have ended in the meantime are not listed again.
            guard ended > 0 else { return count }
        }
    }
}
