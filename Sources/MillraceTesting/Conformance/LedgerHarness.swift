// SPDX-License-Identifier: Apache-2.0

package import Millrace

/// A ledger under test, with a store of its own, and a hold on its time.
package protocol LedgerHarness: Sendable {
    var ledger: any JobLedger { get }

    /// Lets time pass without waiting: moves the ledger's clock ahead, or moves every time that it has stored (due, expires,
    /// started, finished, idempotency) back by as much. The times within ids may stay.
    func advanceClock(by duration: Duration) async throws

    /// What the ledger's clock says, for ids and due times.
    func now() async throws -> Timestamp
}

extension LedgerHarness {
    /// The machine's clock, for a store whose own cannot be set.
    package func now() async throws -> Timestamp { .now() }
}
