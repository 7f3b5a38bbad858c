// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres
import PostgresDriver

/// A photo as its row has it.
struct PhotoRow: Sendable {
    let id: PhotoID
    let jobID: JobID
    let createdAt: Timestamp
    /// nil until its variants were made.
    let storedAt: Timestamp?
    let format: String
    let width: Int
    let height: Int
    let bytes: Int
    let original: BlobDigest
    /// nil when the ledger has forgotten it.
    let jobState: JobState?
    let variants: [VariantRow]
}

struct VariantRow: Sendable {
    let box: Int
    let width: Int
    let height: Int
    let bytes: Int
    let digest: BlobDigest
}

/// A photo's row, locked.
struct LockedPhoto: Sendable {
    let original: BlobReference
    let width: Int
    let height: Int
    let isStored: Bool
}

/// The queries of photo storage, each within a transaction of its caller's.
///
/// Where they take the `owner` of a photo, that of another user is as if it were not there; nil stands for whosoever it is.
enum PhotoRows {
    /// The name of this database's blob store.
    static func blobStore(in transaction: LedgerTransaction) throws -> String {
        let rows = try transaction.query(StorefrontStatements.readBlobStore).rows
        guard let id = try rows.first.flatMap({ try JobID(bytes: $0.uuid(0)) }) else {
            throw PostgresError(.decoding, "storefront.blob_stores has no row")
        }
        return id.description
    }

    static func insert(
        _ id: PhotoID, of owner: UserID?, job: JobID, header: ImageHeader, bytes: Int64, original: BlobDigest,
        in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.insertPhoto,
            [
                .uuid(id.bytes), .uuid(job.bytes), .int8(bytes), .int4(Int32(header.width)),
                .int4(Int32(header.height)),
                .text(header.format.rawValue), .bytea(original.bytes), .uuid(owner?.bytes),
            ])
    }

    /// nil when there is no such photo.
    static func lock(
        _ id: PhotoID, of owner: UserID? = nil, in transaction: LedgerTransaction
    ) throws -> LockedPhoto? {
        guard
            let row = try transaction.query(StorefrontStatements.lockPhoto, [.uuid(id.bytes), .uuid(owner?.bytes)]).rows
                .first
        else {
            return nil
        }
        guard let store = try JobID(bytes: row.uuid("store")),
            let reference = BlobReference(store: store.description, digest: try row.digest("original"))
        else { throw PostgresError(.decoding, "the blob store's name is no UUID") }
        return LockedPhoto(
            original: reference, width: try row.integer("width"), height: try row.integer("height"),
            isStored: try row.bool("is_stored"))
    }

    static func store(_ id: PhotoID, _ photo: StagedVariants, in transaction: LedgerTransaction) throws {
        let variants = photo.staged
        try transaction.query(
            StorefrontStatements.storePhoto,
            [
                .uuid(id.bytes), .int4(Int32(photo.width)), .int4(Int32(photo.height)),
                .int4Array(variants.map { Int32($0.box) }), .int4Array(variants.map { Int32($0.width) }),
                .int4Array(variants.map { Int32($0.height) }), .int8Array(variants.map(\.blob.size)),
                .byteaArray(variants.map(\.digest.bytes)),
            ])
    }

    /// nil when there is no such photo.
    static func read(_ id: PhotoID, of owner: UserID?, in transaction: LedgerTransaction) throws -> PhotoRow? {
        guard
            let row = try transaction.query(StorefrontStatements.readPhoto, [.uuid(id.bytes), .uuid(owner?.bytes)]).rows
                .first,
            let job = try JobID(bytes: row.uuid("job_id"))
        else { return nil }
        return PhotoRow(
            id: id, jobID: job, createdAt: try row.timestamp("created_at"),
            storedAt: try row.timestampIfPresent("stored_at"),
            format: try row.text("format"), width: try row.integer("width"), height: try row.integer("height"),
            bytes: try row.integer("original_bytes"), original: try row.digest("original"),
            jobState: try row.textIfPresent("state").flatMap(JobState.init(rawValue:)),
            variants: try variants(of: id, in: transaction))
    }

    static func variants(of id: PhotoID, in transaction: LedgerTransaction) throws -> [VariantRow] {
        try transaction.query(StorefrontStatements.listVariants, [.uuid(id.bytes)]).rows.map { row in
            VariantRow(
                box: try row.integer("box"), width: try row.integer("width"), height: try row.integer("height"),
                bytes: try row.integer("bytes"), digest: try row.digest("digest"))
        }
    }

    /// The blob of one variant; nil when there is none.
    static func variant(_ id: PhotoID, of owner: UserID?, box: Int, in transaction: LedgerTransaction) throws
        -> BlobDigest?
    {
        let rows = try transaction.query(
            StorefrontStatements.readVariant,
            [.uuid(id.bytes), .int4(Int32(clamping: box)), .uuid(owner?.bytes)]
        ).rows
        return try rows.first?.digest("digest")
    }

    /// Deletes a photo; returns the blobs that it referred to, nil when there was no such photo.
    static func delete(_ id: PhotoID, of owner: UserID?, in transaction: LedgerTransaction) throws -> Set<BlobDigest>? {
        // Locked first: a job that is about to write its variants ends before they are read.
        guard let photo = try lock(id, of: owner, in: transaction) else { return nil }
        let variants = try variants(of: id, in: transaction)
        try transaction.query(StorefrontStatements.deletePhoto, [.uuid(id.bytes)])
        return Set(variants.map(\.digest) + [photo.original.digest])
    }

    /// Those of some blobs that no photo refers to.
    static func unreferenced(_ digests: [BlobDigest], in transaction: LedgerTransaction) throws -> [BlobDigest] {
        try transaction.query(StorefrontStatements.listUnreferenced, [.byteaArray(digests.map(\.bytes))]).rows.map {
            try $0.digest("digest")
        }
    }
}

extension PostgresRow {
    fileprivate func digest(_ column: PostgresColumn) throws -> BlobDigest {
        guard let digest = BlobDigest(bytes: try bytea(column)) else {
            throw PostgresError(.decoding, "a blob's name has \(BlobDigest.length) bytes")
        }
        return digest
    }
}
