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
/// let photos = PhotoStorage(blobs: "/var/lib/millrace/blobs", environment: environment)   // or "s3://photos"
/// try photos.check()                                                 // worker and API
/// photos.register(in: &handlers)                                     // worker and API
/// let (routes, services) = photos.serving(ledger: ledger, logger: logger)   // API
/// ```
///
/// Its tables are those of ``StorefrontSchema``. All processes of a database must be given the same folder or bucket.
package struct PhotoStorage: Sendable {
    private let place: BlobPlace
    private let budget = DecodingBudget(limit: PhotoLimits.decodingBytesMax)

    /// - Parameters:
    ///   - blobs: a folder, which is made if it is missing, or `s3://BUCKET/PREFIX?links=DURATION`, whose prefix and query may
    ///     be left out.
    ///   - environment: says where a bucket is, and in whose name it is asked, in AWS's own variables.
    package init(blobs: String, environment: [String: String]) {
        self.init(place: BlobPlace(blobs, environment: environment))
    }

    init(place: BlobPlace) {
        self.place = place
    }

    /// Makes the folder if it is missing, and tries whether this process may write in it; or asks for the bucket, which may take
    /// some seconds. A service that is away is no fault.
    /// - Throws: ``BlobError``, in the system's own words.
    package func check() throws {
        do throws(BlobError) {
            try place.check()
        } catch {
            throw BlobError(error.code, "\(error.message); see blobs in workers.yml")
        }
    }

    /// Adds the kind `photos.store` and its handler.
    package func register(in handlers: inout JobHandlers) {
        let storer = PhotoStorer(place: place, budget: budget)
        handlers.register(StorePhoto.self) { job, context in try await storer.run(job, context) }
    }

    /// What the process of the API runs: routes, and services beside them.
    package func serving(ledger: PostgresLedger, logger: Logger) -> (routes: [Route], services: [any Service]) {
        let files = PhotoFiles(ledger: ledger, place: place)
        return (PhotoRoutes(files: files).routes, [BlobSweeper(files: files, logger: logger)])
    }
}
