// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// Deletes blobs that no row refers to.
struct BlobRemover: Sendable {
    private static let timeout: Duration = .seconds(10)

    let ledger: PostgresLedger
    let blobs: any BlobStore

    /// Deletes a blob unless a row refers to it.
    /// - Parameter age: what was written less long ago is left alone.
    /// - Returns: whether it was there, and is gone.
    func remove(_ digest: BlobDigest, olderThan age: Duration = .zero) async throws -> Bool {
        let blobs = blobs
        return try await ledger.transaction(timeout: Self.timeout) { transaction in
            try BlobLock.take(digest, in: transaction)
            guard try !PhotoRows.unreferenced([digest], in: transaction).isEmpty,
                let written = try blobs.age(of: digest), age == .zero || written > age
            else { return false }
            try blobs.delete(digest)
            return true
        }
    }

    /// Those of some blobs that no row refers to now.
    func unreferenced(_ digests: [BlobDigest]) async throws -> [BlobDigest] {
        try await ledger.transaction(timeout: Self.timeout) { transaction in
            try PhotoRows.unreferenced(digests, in: transaction)
        }
    }
}
