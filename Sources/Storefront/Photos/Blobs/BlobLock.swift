// SPDX-License-Identifier: Apache-2.0

import MillracePostgres
import PostgresDriver

/// Keeps those who refer to blobs and those who delete them apart.
///
/// A blob is wanted while a row refers to it, and the same bytes may come again at any time. Without a lock this could
/// happen: a deletion finds no row, an upload of the same bytes finds the blob in place and writes a row, the deletion
/// removes the blob. So whoever refers to a blob takes a shared lock on its name, then publishes it, then writes the
/// row, all in one transaction; whoever deletes one takes the lock for itself, then looks for rows, then deletes, in
/// one transaction too. The locks are PostgreSQL's, so they end with the transactions, whatever becomes of the
/// processes; and a commit that is still under way when its client has gone still holds its lock.
///
/// The file system is so touched within a transaction: by a link and by syncing a folder, some milliseconds; the bytes
/// were synced before.
enum BlobLock {
    /// To be taken before the blobs are published, and kept until their rows are committed.
    static func share(_ digests: [BlobDigest], in transaction: LedgerTransaction) throws {
        for digest in Set(digests).sorted() { try transaction.query(StorefrontStatements.shareBlobLock, [key(digest)]) }
    }

    /// To be taken before it is looked whether anybody refers to a blob that is to be deleted.
    static func take(_ digest: BlobDigest, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.takeBlobLock, [key(digest)])
    }

    /// Two blobs that share a key merely wait for each other.
    private static func key(_ digest: BlobDigest) -> PostgresValue {
        .int8(Int64(bitPattern: digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }))
    }
}
