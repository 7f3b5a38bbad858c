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
    static let chargeAttempts = PostgresStatement(name: "charge-attempts", file: PackageResources.charge_attempts_sql)
    static let deletePhoto = PostgresStatement(name: "delete-photo", file: PackageResources.delete_photo_sql)
    static let deleteSession = PostgresStatement(name: "delete-session", file: PackageResources.delete_session_sql)
    static let doomBlob = PostgresStatement(name: "doom-blob", file: PackageResources.doom_blob_sql)
    static let endOrder = PostgresStatement(name: "end-order", file: PackageResources.end_order_sql)
    static let findAccount = PostgresStatement(name: "find-account", file: PackageResources.find_account_sql)
    static let findPayment = PostgresStatement(name: "find-payment", file: PackageResources.find_payment_sql)
    static let findProcessing = PostgresStatement(name: "find-processing", file: PackageResources.find_processing_sql)
    static let findRefund = PostgresStatement(name: "find-refund", file: PackageResources.find_refund_sql)
    static let findReset = PostgresStatement(name: "find-reset", file: PackageResources.find_reset_sql)
    static let findSession = PostgresStatement(name: "find-session", file: PackageResources.find_session_sql)
    static let findUnwanted = PostgresStatement(name: "find-unwanted", file: PackageResources.find_unwanted_sql)
    static let forgetDoomed = PostgresStatement(name: "forget-doomed", file: PackageResources.forget_doomed_sql)
    static let insertEmails = PostgresStatement(name: "insert-emails", file: PackageResources.insert_emails_sql)
    static let insertEvent = PostgresStatement(name: "insert-event", file: PackageResources.insert_event_sql)
    static let insertOrder = PostgresStatement(name: "insert-order", file: PackageResources.insert_order_sql)
    static let insertPayment = PostgresStatement(name: "insert-payment", file: PackageResources.insert_payment_sql)
    static let insertPhoto = PostgresStatement(name: "insert-photo", file: PackageResources.insert_photo_sql)
    static let insertRefund = PostgresStatement(name: "insert-refund", file: PackageResources.insert_refund_sql)
    static let insertReset = PostgresStatement(name: "insert-reset", file: PackageResources.insert_reset_sql)
    static let insertSession = PostgresStatement(name: "insert-session", file: PackageResources.insert_session_sql)
    static let insertUser = PostgresStatement(name: "insert-user", file: PackageResources.insert_user_sql)
    static let keepIntent = PostgresStatement(name: "keep-intent", file: PackageResources.keep_intent_sql)
    static let liftSuppression = PostgresStatement(
        name: "lift-suppression", file: PackageResources.lift_suppression_sql)
    static let listDoomed = PostgresStatement(name: "list-doomed", file: PackageResources.list_doomed_sql)
    static let listForgotten = PostgresStatement(name: "list-forgotten", file: PackageResources.list_forgotten_sql)
    static let listOrderLines = PostgresStatement(name: "list-order-lines", file: PackageResources.list_order_lines_sql)
    static let listOrders = PostgresStatement(name: "list-orders", file: PackageResources.list_orders_sql)
    static let listProducts = PostgresStatement(name: "list-products", file: PackageResources.list_products_sql)
    static let listRefunds = PostgresStatement(name: "list-refunds", file: PackageResources.list_refunds_sql)
    static let listUnreferenced = PostgresStatement(
        name: "list-unreferenced", file: PackageResources.list_unreferenced_sql)
    static let listVariants = PostgresStatement(name: "list-variants", file: PackageResources.list_variants_sql)
    static let lockAccount = PostgresStatement(name: "lock-account", file: PackageResources.lock_account_sql)
    static let lockOrder = PostgresStatement(name: "lock-order", file: PackageResources.lock_order_sql)
    static let lockPayment = PostgresStatement(name: "lock-payment", file: PackageResources.lock_payment_sql)
    static let lockPhoto = PostgresStatement(name: "lock-photo", file: PackageResources.lock_photo_sql)
    static let lockRefund = PostgresStatement(name: "lock-refund", file: PackageResources.lock_refund_sql)
    static let payOrder = PostgresStatement(name: "pay-order", file: PackageResources.pay_order_sql)
    static let pruneAccounts = PostgresStatement(name: "prune-accounts", file: PackageResources.prune_accounts_sql)
    static let readBlobStore = PostgresStatement(name: "read-blob-store", file: PackageResources.read_blob_store_sql)
    static let readEmail = PostgresStatement(name: "read-email", file: PackageResources.read_email_sql)
    static let readOrder = PostgresStatement(name: "read-order", file: PackageResources.read_order_sql)
    static let readPayment = PostgresStatement(name: "read-payment", file: PackageResources.read_payment_sql)
    static let readPhoto = PostgresStatement(name: "read-photo", file: PackageResources.read_photo_sql)
    static let readProduct = PostgresStatement(name: "read-product", file: PackageResources.read_product_sql)
    static let readSuppression = PostgresStatement(
        name: "read-suppression", file: PackageResources.read_suppression_sql)
    static let readVariant = PostgresStatement(name: "read-variant", file: PackageResources.read_variant_sql)
    static let refundAttempts = PostgresStatement(name: "refund-attempts", file: PackageResources.refund_attempts_sql)
    static let rememberDevice = PostgresStatement(name: "remember-device", file: PackageResources.remember_device_sql)
    static let replacePassword = PostgresStatement(
        name: "replace-password", file: PackageResources.replace_password_sql)
    static let revokeAccess = PostgresStatement(name: "revoke-access", file: PackageResources.revoke_access_sql)
    static let shareBlobLock = PostgresStatement(name: "share-blob-lock", file: PackageResources.share_blob_lock_sql)
    static let spareBlob = PostgresStatement(name: "spare-blob", file: PackageResources.spare_blob_sql)
    static let storePhoto = PostgresStatement(name: "store-photo", file: PackageResources.store_photo_sql)
    static let suppress = PostgresStatement(name: "suppress", file: PackageResources.suppress_sql)
    static let takeBlobLock = PostgresStatement(name: "take-blob-lock", file: PackageResources.take_blob_lock_sql)
    static let takeStock = PostgresStatement(name: "take-stock", file: PackageResources.take_stock_sql)
    static let updateEmail = PostgresStatement(name: "update-email", file: PackageResources.update_email_sql)
    static let useReset = PostgresStatement(name: "use-reset", file: PackageResources.use_reset_sql)

    /// All of them, so that a test can prepare each.
    static let all = [
        askPayment, askRefund, beginEmail, bookCharge, bookRefund, changePayment, changeRefund, chargeAttempts,
        deletePhoto, deleteSession, doomBlob, endOrder, findAccount, findPayment, findProcessing, findRefund, findReset,
        findSession, findUnwanted, forgetDoomed, insertEmails, insertEvent, insertOrder, insertPayment, insertPhoto,
        insertRefund, insertReset, insertSession, insertUser, keepIntent, liftSuppression, listDoomed, listForgotten,
        listOrderLines, listOrders, listProducts, listRefunds, listUnreferenced, listVariants, lockAccount, lockOrder,
        lockPayment, lockPhoto, lockRefund, payOrder, pruneAccounts, readBlobStore, readEmail, readOrder, readPayment,
        readPhoto, readProduct, readSuppression, readVariant, refundAttempts, rememberDevice, replacePassword,
        revokeAccess, shareBlobLock, spareBlob, storePhoto, suppress, takeBlobLock, takeStock, updateEmail, useReset,
    ]
}

/// The application's tables.
package enum StorefrontSchema {
    /// The files of `Migrations`, in order. Append only. Those that only add tables allow the release before.
    package static let schema = ApplicationSchema(
        name: "storefront",
        migrations: [
            Migration(name: first, file: PackageResources.m0001_create_photos_sql),
            Migration(name: "m0002_create_emails", file: PackageResources.m0002_create_emails_sql, allows: first),
            Migration(name: "m0003_create_payments", file: PackageResources.m0003_create_payments_sql, allows: first),
            Migration(name: "m0004_create_accounts", file: PackageResources.m0004_create_accounts_sql, allows: first),
            Migration(name: "m0005_create_orders", file: PackageResources.m0005_create_orders_sql, allows: first),
            Migration(name: "m0006_doom_blobs", file: PackageResources.m0006_doom_blobs_sql, allows: first),
            Migration(name: "m0007_own_photos", file: PackageResources.m0007_own_photos_sql, allows: first),
        ])

    private static let first = "m0001_create_photos"
}
