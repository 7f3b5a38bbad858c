// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillracePostgres

/// The handler of ``SendEmail``.
///
/// 1. A transaction of its own takes note of the attempt, and tells whether the recipient is suppressed.
/// 2. The mail is handed over.
/// 3. The answer is written in the transaction of the job's outcome; one that is not final, before the error that makes
///    Millrace try again.
///
/// A mail that a server refuses for good is a job that has completed: nothing failed here, and nobody is to be called.
/// A run that dies between 2 and 3 is repeated, and sends the same bytes again, under the same `Message-ID`.
struct EmailSender: Sendable {
    /// How long a mail waits for the store of its attachments to come back.
    private static let storePause: Duration = .seconds(30)

    let sender: Mailbox
    let transport: any MailTransport
    let place: BlobPlace

    /// - Throws: ``EmailError`` with `.deferred`, a failure that spends an attempt; ``JobSignal`` with `.permanent` for
    ///   attachments that are gone, with `.snooze` while their store is away; whatever the transactions throw.
    func run(_ job: SendEmail, _ context: JobContext) async throws -> SendEmail.Output {
        let (id, attempt) = (context.id, context.attempt)
        let messageID = MIMEMessage.messageID(of: id, from: sender)
        let begun = try await context.write { transaction in
            try EmailRows.begin(id, job, messageID: messageID, attempt: attempt, in: transaction)
        }
        // An operator's retry of a job that had completed.
        if let answer = begun.sent { return SendEmail.Output(state: .sent, answer: answer) }
        if begun.isSuppressed {
            return try await end(
                job, .suppressed, MailAnswer("mail to this address was refused before; see storefront.suppressions"),
                context)
        }
        let mail: OutgoingMail
        do {
            mail = try compose(job, begun, id)
        } catch let error as BlobError where error.code == .missing {
            try await context.write { try EmailRows.defer(id, MailAnswer("an attachment is gone"), in: $0) }
            throw JobSignal.permanent("an attachment is gone: \(error)")
        } catch let error as BlobError where error.code == .away {
            // Not the mail's fault.
            context.logger.warning("blob store is away, a mail waits", metadata: [.error: "\(error)"])
            throw JobSignal.snooze(Self.storePause)
        }
        switch try await deliver(mail) {
        case .accepted(let answer): return try await end(job, .sent, answer, context)
        case .refused(let answer, let isAboutRecipient):
            return try await end(job, .rejected, answer, suppressing: isAboutRecipient, context)
        case .deferred(let answer):
            try await context.write { try EmailRows.defer(id, answer, in: $0) }
            // The server's words may name the recipient, whom not everybody may know who sees a job's errors.
            throw EmailError(
                .deferred,
                "the mail was not taken (\(answer.code.map(String.init) ?? answer.text)); GET /v1/emails/\(id) has the answer"
            )
        }
    }

    private func end(
        _ job: SendEmail, _ state: SendEmail.End, _ answer: MailAnswer, suppressing: Bool = false,
        _ context: JobContext
    ) async throws -> SendEmail.Output {
        let id = context.id
        return try await context.transaction { transaction in
            try EmailRows.end(id, state, answer, in: transaction)
            if suppressing { try EmailRows.suppress(job.to.address, because: answer, to: id, in: transaction) }
            return SendEmail.Output(state: state, answer: answer.text)
        }
    }

    private func compose(_ job: SendEmail, _ begun: BegunEmail, _ id: JobID) throws -> OutgoingMail {
        let blobs = try place.store(named: begun.blobStore)
        let files = try EmailAttachments.read(job.message.attachments, from: blobs)
        let mail = MIMEMessage(
            id: id, messageID: begun.messageID, from: sender, to: job.to, message: job.message, files: files)
        return OutgoingMail(id: id, sender: sender.address, recipient: job.to.address, bytes: mail.bytes)
    }

    /// Blocks the thread of the handler, until the job's time-out at most.
    private func deliver(_ mail: OutgoingMail) async throws -> Delivery {
        let isCancelled = CancellationFlag()
        return try await withTaskCancellationHandler {
            try transport.deliver(mail) { isCancelled.isSet }
        } onCancel: {
            isCancelled.set()
        }
    }
}

/// The bytes of attachments.
enum EmailAttachments {
    /// - Throws: ``BlobError``; ``JobSignal`` with `.permanent` when they are too large together.
    static func read(_ attachments: [EmailAttachment], from blobs: any BlobStore) throws -> [[UInt8]] {
        let readers = try attachments.map { try blobs.open($0.digest) }
        let size = readers.reduce(0) { $0 + $1.size }
        guard size <= EmailLimits.attachmentBytesMax else {
            throw JobSignal.permanent("\(size) bytes of attachments, at most \(EmailLimits.attachmentBytesMax)")
        }
        return try readers.map { reader in
            var file = [UInt8](repeating: 0, count: Int(reader.size))
            let count = try file.withUnsafeMutableBytes { try reader.read(into: $0, at: 0) }
            guard count == file.count else { throw BlobError(.failed, "a blob became shorter while it was read") }
            return file
        }
    }
}
