// SPDX-License-Identifier: Apache-2.0

package import Millrace
package import MillracePostgres
import PostgresDriver

/// A mail as its row has it.
struct EmailRow: Sendable {
    let id: JobID
    let recipient: String
    let createdAt: Timestamp
    let updatedAt: Timestamp
    let hasEnded: Bool
    let messageID: String?
    let state: String
    let attempts: Int
    let code: Int?
    let answer: String?
    /// nil when the ledger has forgotten it.
    let jobState: JobState?
}

/// What is known of a mail when an attempt begins.
struct BegunEmail: Sendable {
    /// The same in every attempt.
    let messageID: String
    /// The server's words, where it was sent before.
    let sent: String?
    let isSuppressed: Bool
    let blobStore: String
}

struct SuppressionRow: Sendable {
    let createdAt: Timestamp
    let email: JobID
    let answer: String
}

/// The queries of e-mail, each within a transaction of its caller's.
enum EmailRows {
    /// - Parameter digests: of the blobs that all of the mails carry.
    static func insert(
        _ emails: [(id: JobID, recipient: EmailAddress)], attachments digests: Set<BlobDigest>,
        in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.insertEmails,
            [
                .uuidArray(emails.map(\.id.bytes)), .textArray(emails.map(\.recipient.description)),
                .byteaArray(digests.map(\.bytes)),
            ])
    }

    static func begin(
        _ id: JobID, _ email: SendEmail, messageID: String, attempt: Int, in transaction: LedgerTransaction
    ) throws -> BegunEmail {
        let address = email.to.address
        let rows = try transaction.query(
            StorefrontStatements.beginEmail,
            [
                .uuid(id.bytes), .text(address.description), .text(messageID), .int4(Int32(attempt)),
                .text(address.key),
            ]
        ).rows
        guard let row = rows.first, let store = try JobID(bytes: row.uuid("store")) else {
            throw PostgresError(.decoding, "begin-email returned no row")
        }
        let isSent = try row.bool("is_sent")
        return BegunEmail(
            messageID: try row.text("message_id"), sent: isSent ? try row.textIfPresent("answer") ?? "" : nil,
            isSuppressed: try row.bool("is_suppressed"), blobStore: store.description)
    }

    /// To be called in the transaction of the job's outcome.
    static func end(_ id: JobID, _ state: SendEmail.End, _ answer: MailAnswer, in transaction: LedgerTransaction) throws
    {
        try update(id, state.rawValue, answer, in: transaction)
    }

    static func `defer`(_ id: JobID, _ answer: MailAnswer, in transaction: LedgerTransaction) throws {
        try update(id, "deferred", answer, in: transaction)
    }

    static func suppress(
        _ address: EmailAddress, because answer: MailAnswer, to id: JobID, in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.suppress, [.text(address.key), .uuid(id.bytes), .text(answer.text)])
    }

    /// nil when there is no such mail.
    static func read(_ id: JobID, in transaction: LedgerTransaction) throws -> EmailRow? {
        guard let row = try transaction.query(StorefrontStatements.readEmail, [.uuid(id.bytes)]).rows.first else {
            return nil
        }
        return EmailRow(
            id: id, recipient: try row.text("recipient"), createdAt: try row.timestamp("created_at"),
            updatedAt: try row.timestamp("updated_at"),
            hasEnded: try row.unixMicrosecondsIfPresent("ended_at") != nil,
            messageID: try row.textIfPresent("message_id"), state: try row.text("state"),
            attempts: try row.integer("attempts"), code: try row.integerIfPresent("code"),
            answer: try row.textIfPresent("answer"),
            jobState: try row.textIfPresent("job_state").flatMap(JobState.init(rawValue:)))
    }

    /// nil when mail is sent to the address.
    static func suppression(of address: EmailAddress, in transaction: LedgerTransaction) throws -> SuppressionRow? {
        let rows = try transaction.query(StorefrontStatements.readSuppression, [.text(address.key)]).rows
        guard let row = rows.first, let email = try JobID(bytes: row.uuid("email_id")) else { return nil }
        return SuppressionRow(
            createdAt: try row.timestamp("created_at"), email: email, answer: try row.text("answer"))
    }

    /// - Returns: whether the address was suppressed.
    static func lift(_ address: EmailAddress, in transaction: LedgerTransaction) throws -> Bool {
        try transaction.query(StorefrontStatements.liftSuppression, [.text(address.key)]).affectedRows > 0
    }

    private static func update(
        _ id: JobID, _ state: String, _ answer: MailAnswer, in transaction: LedgerTransaction
    ) throws {
        try transaction.query(
            StorefrontStatements.updateEmail,
            [.uuid(id.bytes), .text(state), .int4(answer.code.map { Int32(clamping: $0) }), .text(answer.text)])
    }
}

extension LedgerTransaction {
    /// Submits a mail together with its row, if and when the transaction commits.
    ///
    /// ```swift
    /// return try await context.transaction { transaction in
    ///     try transaction.query(markPaid, [.uuid(job.order)])
    ///     try transaction.send(SendEmail(to: customer, receipt))
    ///     return Capture.Output(reference: reference)
    /// }
    /// ```
    ///
    /// Its attachments' blobs are kept from here on until it has ended; that they are there is the caller's to know.
    /// - Returns: the id of the mail, which is its job's.
    @discardableResult
    package func send(_ email: SendEmail, _ options: EnqueueOptions = EnqueueOptions()) throws -> JobID {
        let id = try enqueue(email, options)
        let digests = Set(email.message.attachments.map(\.digest))
        try BlobLock.share(Array(digests), in: self)
        try EmailRows.insert([(id, email.to.address)], attachments: digests, in: self)
        return id
    }
}
