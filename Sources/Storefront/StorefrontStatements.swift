// SPDX-License-Identifier: Apache-2.0

package import MillracePostgres
import PostgresDriver

/// The files of `Queries`, each under its own name.
enum StorefrontStatements {
    static let askPayment = PostgresStatement(name: "ask-payment", file: PackageResources.ask_payment_sql)
    static let askRefund = PostgresStatement(name: "ask-refund", file: PackageResources.ask_refund_sql)
    static let beginEmail = PostgresStatement(name: "begin-email", file: PackageResources.begin_email_sql)
    static let bookCharge = PostgresStatement(name: "book-charge", file: PackageResources.book_charge_sql)
    static let bookRefund = PostgresStatement(name: "book-refund", file: PackageResources.book_refund_sql)
    static let changePayment = PostgresStatement(name: "change-payment", file: PackageResources.change_payment_sql)
    static let changeRefund = PostgresStatement(name: "change-refund", file: PackageResources.change_refund_sql)
    static let deletePhoto = PostgresStatement(name: "delete-photo", file: PackageResources.delete_photo_sql)
    static let findPayment = PostgresStatement(name: "find-payment", file: PackageResources.find_payment_sql)
    static let findRefund = PostgresStatement(name: "find-refund", file: PackageResources.find_refund_sql)
    static let insertEmails = PostgresStatement(name: "insert-emails", file: PackageResources.insert_emails_sql)
    static let insertEvent = PostgresStatement(name: "insert-event", file: PackageResources.insert_event_sql)
    static let insertPayment = PostgresStatement(name: "insert-payment", file: PackageResources.insert_payment_sql)
    static let insertPhoto = PostgresStatement(name: "insert-photo", file: PackageResources.insert_photo_sql)
    static let insertRefund = PostgresStatement(name: "insert-refund", file: PackageResources.insert_refund_sql)
    static let keepIntent = PostgresStatement(name: "keep-intent", file: PackageResources.keep_intent_sql)
    static let liftSuppression = PostgresStatement(
        name: "lift-suppression", file: PackageResources.lift_suppression_sql)
    static let listRefunds = PostgresStatement(name: "list-refunds", file: PackageResources.list_refunds_sql)
    static let listUnreferenced = PostgresStatement(
        name: "list-unreferenced", file: PackageResources.list_unreferenced_sql)
    static let listVariants = PostgresStatement(name: "list-variants", file: PackageResources.list_variants_sql)
    static let lockPayment = PostgresStatement(name: "lock-payment", file: PackageResources.lock_payment_sql)
    static let lockPhoto = PostgresStatement(name: "lock-photo", file: PackageResources.lock_photo_sql)
    static let lockRefund = PostgresStatement(name: "lock-refund", file: PackageResources.lock_refund_sql)
    static let readBlobStore = PostgresStatement(name: "read-blob-store", file: PackageResources.read_blob_store_sql)
    static let readEmail = PostgresStatement(name: "read-email", file: PackageResources.read_email_sql)
    static let readPayment = PostgresStatement(name: "read-payment", file: PackageResources.read_payment_sql)
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
        askPayment, askRefund, beginEmail, bookCharge, bookRefund, changePayment, changeRefund, deletePhoto,
        findPayment, findRefund, insertEmails, insertEvent, insertPayment, insertPhoto, insertRefund, keepIntent,
        liftSuppression, listRefunds, listUnreferenced, listVariants, lockPayment, lockPhoto, lockRefund,
        readBlobStore, readEmail, readPayment, readPhoto, readSuppression, readVariant, shareBlobLock, storePhoto,
        suppress, takeBlobLock, updateEmail,
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
            Migration(name: "m0003_create_payments", file: PackageResources.m0003_create_payments_sql),
        ])
}
