// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import Synchronization

/// The blob store that belongs to a ledger's database, found when it is first needed: the API starts also while the
/// database is away.
final class PhotoFiles: Sendable {
    let ledger: PostgresLedger
    private let place: BlobPlace
    private let name = Mutex<String?>(nil)

    init(ledger: PostgresLedger, place: BlobPlace) {
        self.ledger = ledger
        self.place = place
    }

    func blobs() async throws -> any BlobStore {
        try place.store(named: try await storeName())
    }

    func storeName() async throws -> String {
        if let known = name.withLock(\.self) { return known }
        let found = try await ledger.transaction(timeout: .seconds(5)) { try PhotoRows.blobStore(in: $0) }
        name.withLock { $0 = found }
        return found
    }
}
