// SPDX-License-Identifier: Apache-2.0

extension JobBroker {
    /// Takes a cancelled job out of the queue, and ends its first attempt where the ledger's row knows nothing of that.
    ///
    /// A first attempt of durability `redis` begins without a claim. So it may begin after its job was looked for, and before the
    /// cancellation gets here, with a lease that `token` does not name. Whatever begins after that is claimed, and refused.
    /// - Parameters:
    ///   - token: of the row's last claim, or of the lease under which the job was found.
    ///   - mayBeUnclaimed: the job had no row until it was cancelled.
    /// - Returns: true when there was such an attempt.
    package func cancel(
        _ id: JobID, token: LeaseToken?, mayBeUnclaimed: Bool, in queue: QueueName
    ) async throws(BrokerError) -> Bool {
        try await cancel(id, token: token, in: queue)
        guard mayBeUnclaimed, token == nil else { return false }
        var isFound = false
        // Two where a fault has doubled it.
        for _ in 0..<2 {
            guard let found = try await find(id), found.unrecorded != nil, case .leased(let newer) = found.place else {
                break
            }
            try await cancel(id, token: newer, in: queue)
            isFound = true
        }
        return isFound
    }
}
