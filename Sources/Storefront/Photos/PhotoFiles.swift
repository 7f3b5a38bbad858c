// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import Synchronization

/// The blob store that belongs to a ledger's database, found when it is first needed: the API starts also while the
/// database is away.
final class PhotoFiles: Sendable {
    let ledger: PostgresLedger
    private let openBlobs: @Sendable (String) -> any BlobStore
    private let name = Mutex<String?>(nil)

    init(ledger: PostgresLedger, openBlobs: @escaping @Sendable (String) -> any BlobStore) {
        self.ledger = ledger
        self.openBlobs = openBlobs
    }

    func blobs() async throws -> any BlobStore {
        openBlobs(try await storeName())
    }

    func storeName() async throws -> String {
        if let known = name.withLock(\.self) { return known }
        let found = try await ledger.transaction(timeout: .seconds(5)) { try PhotoRows.blobStore(in: $0) }
        name.withLock { $0 = found }
        return found
    }
}
