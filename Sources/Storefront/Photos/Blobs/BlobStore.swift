// SPDX-License-Identifier: Apache-2.0

/// Keeps bytes under the name of their SHA-256: what has a name never changes, and equal bytes are kept once.
///
/// There are two: ``LocalBlobStore`` on this machine's disk, ``S3BlobStore`` in a bucket.
///
/// All calls block; make them from threads that may. A blob comes into being in two steps: its bytes are staged, out of
/// everybody's sight, and published as a whole under their name. Nobody ever sees half of one.
///
/// Which blobs are still needed is said by the database alone. So publishing and deleting happen under its locks,
/// within its transactions: see ``BlobLock``.
public protocol BlobStore: Sendable {
    /// Begins a blob.
    func stage() throws(BlobError) -> any StagedBlob

    /// - Throws: `.missing` when there is no blob of this name.
    func open(_ digest: BlobDigest) throws(BlobError) -> any BlobReader

    /// In bytes; nil when there is no blob of this name. It takes no more than seconds: a transaction may wait for it.
    func size(of digest: BlobDigest) throws(BlobError) -> Int64?

    /// Whether a blob may go after ``delete(_:)`` has thrown `.away`, and so after the transaction that it was called in.
    var deletesLate: Bool { get }

    /// Deletes a blob; whoever has opened it can read on where it is a file, and finds it missing where it is an object.
    /// Does nothing when there is none. Asked once, within seconds.
    func delete(_ digest: BlobDigest) throws(BlobError)

    /// How long ago a blob was written last; nil when there is none.
    func age(of digest: BlobDigest) throws(BlobError) -> Duration?

    /// The blobs whose names begin with a byte and that were written longer ago than `age`.
    func blobs(beginningWith byte: UInt8, olderThan age: Duration) throws(BlobError) -> [BlobDigest]

    /// Where anybody may fetch a blob for a while, without asking us; nil when the API has to pass it on.
    func link(to digest: BlobDigest, contentType: String) -> BlobLink?

    /// Removes what was staged longer ago than `age` by processes that are gone; returns how many.
    func removeStaged(olderThan age: Duration) throws(BlobError) -> Int
}

/// An address outside of the API.
public struct BlobLink: Sendable, Equatable {
    public let url: String
    /// How long it works.
    public let duration: Duration
}

/// A blob that is being written. It is gone when the last reference to it goes, unless it was published.
///
/// Its calls come one after the other.
public protocol StagedBlob: BlobReader {
    func append(_ bytes: UnsafeRawBufferPointer) throws(BlobError)

    /// Makes the bytes durable, and names them. Nothing is appended after that. This is where a distant store is sent
    /// the bytes.
    func seal() throws(BlobError) -> BlobDigest

    /// Makes the sealed blob visible under its name, durably, within a transaction: see ``BlobLock``. May be repeated; an equal
    /// blob that is there is left as it is.
    /// - Throws: `.away` where a distant store has deleted it since it was sealed: then all has to be done again.
    func publish() throws(BlobError)
}

/// Bytes that can be read from any place.
public protocol BlobReader: AnyObject, Sendable {
    /// In bytes.
    var size: Int64 { get }

    /// Fills a buffer from an offset; returns how many bytes there were, fewer than the buffer takes only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(BlobError) -> Int
}
