// SPDX-License-Identifier: Apache-2.0

package import Logging
package import Millrace
package import MillraceAPI
package import MillracePostgres
package import ServiceLifecycle

/// Photo storage: uploads are kept byte for byte, a job makes of each what is shown, and the database says which belong
/// to whom.
///
/// ```swift
/// let photos = PhotoStorage(folder: "/var/lib/millrace/blobs")
/// try photos.check()                                                 // worker and API
/// photos.register(in: &handlers)                                     // worker and API
/// let (routes, services) = photos.serving(ledger: ledger, logger: logger)   // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``. All processes of a database must be given the same folder.
package struct PhotoStorage: Sendable {
    private let folder: String?
    private let openBlobs: @Sendable (String) -> any BlobStore
    private let budget = DecodingBudget(limit: PhotoLimits.decodingBytesMax)

    /// - Parameter folder: made if it is missing.
    package init(folder: String) {
        self.folder = folder
        openBlobs = { LocalBlobStore(root: folder, name: $0) }
    }

    init(openBlobs: @escaping @Sendable (String) -> any BlobStore) {
        folder = nil
        self.openBlobs = openBlobs
    }

    /// Makes the folder if it is missing, and tries whether this process may write in it.
    /// - Throws: ``BlobError``, in the system's own words.
    package func check() throws {
        guard let folder else { return }
        do throws(BlobError) {
            try LocalBlobStore.check(root: folder)
        } catch {
            throw BlobError(error.code, "\(error.message); see blobs in workers.yml")
        }
    }

    /// Adds the kind `photos.store` and its handler.
    package func register(in handlers: inout JobHandlers) {
        let storer = PhotoStorer(openBlobs: openBlobs, budget: budget)
        handlers.register(StorePhoto.self) { job, context in try await storer.run(job, context) }
    }

    /// What the process of the API runs: routes, and services beside them.
    package func serving(ledger: PostgresLedger, logger: Logger) -> (routes: [Route], services: [any Service]) {
        let files = PhotoFiles(ledger: ledger, openBlobs: openBlobs)
        return (PhotoRoutes(files: files).routes, [BlobSweeper(files: files, logger: logger)])
    }
}
