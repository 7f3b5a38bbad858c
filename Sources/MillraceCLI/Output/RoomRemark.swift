// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Says in plain words that Redis is nearly full, and what that means for new jobs.
enum RoomRemark {
    /// nil while new jobs are pushed at once.
    ///
    /// - Parameter unpushed: jobs that wait in the ledger.
    static func text(_ memory: BrokerMemory, unpushed: FlaggedCount) -> String? {
        guard let limit = memory.bytesMax, memory.isAboveMark else { return nil }
        return
            "Redis is above its high-water mark (\(memory.usedBytes >> 20) of \(limit >> 20) MiB used): new jobs wait in "
            + "PostgreSQL and are handed over as room appears; \(unpushed.text) wait there now"
    }

    static func read(_ stores: Stores, _ rows: [QueueRow]) async throws(BrokerError) -> String? {
        text(try await stores.broker.memory(), unpushed: rows.unpushed)
    }
}
