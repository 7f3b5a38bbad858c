// SPDX-License-Identifier: Apache-2.0

import Millrace
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
/// The store is so touched within a transaction: files by a link and by syncing a folder, some milliseconds; a bucket by
/// one small request. The bytes were written before.
///
/// A bucket's service may carry out a deletion after whoever asked for it has given up, and his lock has ended. So a blob
/// in a bucket is *doomed* first, in a transaction of its own, for as long as that can happen, and is not referred to
/// meanwhile.
enum BlobLock {
    /// How long after it was doomed a blob may be deleted. A service believes a request whose time of signing differs from
    /// its own time by 15 minutes at most; so where our clock is ahead by as much, for 30 minutes. The rest is what the
    /// request and the transactions around it take.
    static let doomDuration: Duration = .seconds(2000)
    /// How much of that must be left when the request is sent.
    static let doomDurationLeft: Duration = .seconds(1900)

    /// To be taken before the blobs are published, and kept until their rows are committed.
    /// - Throws: ``BlobError`` with `.away` while one of them may be deleted; seldom more than a moment.
    static func share(_ digests: [BlobDigest], in transaction: LedgerTransaction) throws {
        guard !digests.isEmpty else { return }
        for digest in Set(digests).sorted() { try transaction.query(StorefrontStatements.shareBlobLock, [key(digest)]) }
        guard try doomed(digests, for: .zero, in: transaction).isEmpty else {
            throw BlobError(.away, "equal bytes are being deleted at this moment")
        }
    }

    /// To be taken before it is looked whether anybody refers to a blob that is to be deleted.
    static func take(_ digest: BlobDigest, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.takeBlobLock, [key(digest)])
    }

    /// To be committed before a blob is deleted; under its lock.
    /// - Returns: false when an earlier deletion of it may still happen.
    static func doom(_ digest: BlobDigest, in transaction: LedgerTransaction) throws -> Bool {
        let rows = try transaction.query(
            StorefrontStatements.doomBlob, [.bytea(digest.bytes), .int8(doomDuration.milliseconds)]
        ).rows
        return !rows.isEmpty
    }

    /// Whether the doom lasts for as long as a request that is sent now may take; under its lock.
    static func isDoomed(_ digest: BlobDigest, in transaction: LedgerTransaction) throws -> Bool {
        try !doomed([digest], for: doomDurationLeft, in: transaction).isEmpty
    }

    /// When it is known whether the blob was deleted; under its lock.
    static func spare(_ digest: BlobDigest, in transaction: LedgerTransaction) throws {
        try transaction.query(StorefrontStatements.spareBlob, [.bytea(digest.bytes)])
    }

    private static func doomed(
        _ digests: [BlobDigest], for duration: Duration, in transaction: LedgerTransaction
    ) throws -> PostgresRows {
        try transaction.query(
            StorefrontStatements.listDoomed, [.byteaArray(digests.map(\.bytes)), .int8(duration.milliseconds)]
        ).rows
    }

    /// Two blobs that share a key merely wait for each other.
    private static func key(_ digest: BlobDigest) -> PostgresValue {
        .int8(Int64(bitPattern: digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }))
    }
}
