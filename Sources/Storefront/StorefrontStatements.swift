// SPDX-License-Identifier: Apache-2.0

package import MillracePostgres
import PostgresDriver

/// The files of `Queries`, each under its own name.
enum StorefrontStatements {
    static let beginEmail = PostgresStatement(name: "begin-email", file: PackageResources.begin_email_sql)
    static let deletePhoto = PostgresStatement(name: "delete-photo", file: PackageResources.delete_photo_sql)
    static let insertEmails = PostgresStatement(name: "insert-emails", file: PackageResources.insert_emails_sql)
    static let insertPhoto = PostgresStatement(name: "insert-photo", file: PackageResources.insert_photo_sql)
    static let liftSuppression = PostgresStatement(
        name: "lift-suppression", file: PackageResources.lift_suppression_sql)
    static let listUnreferenced = PostgresStatement(
        name: "list-unreferenced", file: PackageResources.list_unreferenced_sql)
    static let listVariants = PostgresStatement(name: "list-variants", file: PackageResources.list_variants_sql)
    static let lockPhoto = PostgresStatement(name: "lock-photo", file: PackageResources.lock_photo_sql)
    static let readBlobStore = PostgresStatement(name: "read-blob-store", file: PackageResources.read_blob_store_sql)
    static let readEmail = PostgresStatement(name: "read-email", file: PackageResources.read_email_sql)
    static let readPhoto = PostgresStatement(name: "read-photo", file: PackageResources.read_photo_sql)
    static let readSuppression = PostgresStatement(
        name: "read-suppression", file: PackageResources.read_suppression_sql)
    static let readVariant = PostgresStatement(name: "read-variant", file: PackageResources.read_variant_sql)
    static let shareBlobLock = PostgresStatement(name: "share-blob-lock", file: PackageResources.share_blob_lock_sql)
    static let storePhoto = PostgresStatement(name: "store-photo", file: PackageResources.store_photo_sql)
    static let suppress = PostgresStatement(name: "suppress", file: PackageResources.suppress_sql)
    static let takeBlobLock = PostgresStatement(name: "take-blob-lock", file: PackageResources.take_blob_lock_sql)
    static let updateEmail = PostgresStatement(name: "update-email", file: PackageResources.update_email_sql)

    /// All of them, so that a test can prepare each.
    static let all = [
        beginEmail, deletePhoto, insertEmails, insertPhoto, liftSuppression, listUnreferenced, listVariants, lockPhoto,
        readBlobStore, readEmail, readPhoto, readSuppression, readVariant, shareBlobLock, storePhoto, suppress,
        takeBlobLock, updateEmail,
    ]
}

/// The application's tables.
package enum StorefrontSchema {
    /// The files of `Migrations`, in order. Append only.
    package static let schema = ApplicationSchema(
        name: "storefront",
        migrations: [
            Migration(name: "m0001_create_photos", file: PackageResources.m0001_create_photos_sql),
            Migration(name: "m0002_create_emails", file: PackageResources.m0002_create_emails_sql),
        ])
}
