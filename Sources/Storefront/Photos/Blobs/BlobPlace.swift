// SPDX-License-Identifier: Apache-2.0

/// Where an operator wants the blobs: a folder, or a bucket.
struct BlobPlace: Sendable {
    private let open: @Sendable (String) throws(BlobError) -> any BlobStore
    private let look: @Sendable () throws(BlobError) -> Void

    /// - Parameters:
    ///   - text: a folder's path, or `s3://BUCKET…` as ``S3Settings`` reads it.
    ///   - environment: what else is to be known of a bucket.
    init(_ text: String, environment: [String: String]) {
        guard text.contains("://") else {
            open = { LocalBlobStore(root: text, name: $0) }
            look = { () throws(BlobError) in try LocalBlobStore.check(root: text) }
            return
        }
        let settings = Result { () throws(BlobError) in try S3Settings(place: text, environment: environment) }
        open = { (name) throws(BlobError) in S3BlobStore(try settings.get(), name: name) }
        look = { () throws(BlobError) in try S3BlobStore.check(try settings.get()) }
    }

    init(opening open: @escaping @Sendable (String) -> any BlobStore) {
        self.open = open
        look = {}
    }

    /// - Parameter name: the store's own within the place.
    /// - Throws: `.failed` when the settings are wrong.
    func store(named name: String) throws(BlobError) -> any BlobStore { try open(name) }

    /// Makes a folder if it is missing, and tries whether this process may write in it; asks for a bucket, and whether this
    /// process may look into it. A service that is away is none of an operator's mistakes.
    func check() throws(BlobError) { try look() }
}
