// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Millrace
public import MillracePostgres
public import ServiceLifecycle

/// Photo storage: uploads are kept byte for byte, a job makes of each what is shown, and the database says which belong
/// to whom.
///
/// ```swift
/// let photos = PhotoStorage(folder: ".millrace/blobs")
/// photos.register(in: &handlers)                                     // worker and API
/// let api = photos.api(ledger: ledger, logger: logger)               // API
/// ```
///
/// Its tables are made by ``StorefrontSchema``. All processes of a database must be given the same folder.
public struct PhotoStorage: Sendable {
    /// Where blobs are kept unless a configuration says otherwise, relative to the working folder.
    public static let defaultFolder = ".millrace/blobs"

    private let openBlobs: @Sendable (String) -> any BlobStore
    private let budget = DecodingBudget(limit: PhotoLimits.decodingBytesMax)

    /// - Parameter folder: made when the first photo comes, if it is missing. Default ``defaultFolder``.
    public init(folder: String = PhotoStorage.defaultFolder) {
        self.init { LocalBlobStore(root: folder, name: $0) }
    }

    init(openBlobs: @escaping @Sendable (String) -> any BlobStore) {
        self.openBlobs = openBlobs
    }

    /// Adds the kind `photos.store` and its handler.
    public func register(in handlers: inout JobHandlers) {
        let storer = PhotoStorer(openBlobs: openBlobs, budget: budget)
        handlers.register(StorePhoto.self) { job, context in try await storer.run(job, context) }
    }

    /// What the process of the API needs: routes, and a service beside it.
    public func api(ledger: PostgresLedger, logger: Logger) -> (routes: PhotoRoutes, sweeper: any Service) {
        let files = PhotoFiles(ledger: ledger, openBlobs: openBlobs)
        return (PhotoRoutes(files: files, logger: logger), BlobSweeper(files: files, logger: logger))
    }
}
