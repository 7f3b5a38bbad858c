// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres
import ServiceLifecycle

/// Deletes what has ended by itself: sessions, devices that did not come back, tokens for another password, attempts
/// that count no more. Any number of processes may prune at once.
struct AccountPruner: Service {
    private static let interval: Duration = .seconds(600)
    private static let timeout: Duration = .seconds(30)
    /// Rows of each table in one transaction.
    private static let batch = 5000

    let ledger: PostgresLedger
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil {
                do {
                    try await prune()
                } catch {
                    logger.debug("accounts were not pruned", metadata: [.error: "\(error)"])
                }
            }
        }
    }

    /// Deletes all that there is to delete; returns how many rows.
    @discardableResult
    func prune(batch: Int = Self.batch) async throws -> Int {
        var count = 0
        while true {
            let deleted = try await ledger.transaction(timeout: Self.timeout) {
                try AccountRows.prune(limit: batch, in: $0)
            }
            guard deleted > 0 else { return count }
            count += deleted
        }
    }
}
