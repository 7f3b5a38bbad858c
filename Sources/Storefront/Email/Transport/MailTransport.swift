// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Hands mails over to whoever brings them to their recipients.
protocol MailTransport: Sendable {
    /// Blocks until the mail was handed over or refused, or until `isCancelled`, which it asks every second at least.
    /// - Throws: `CancellationError`.
    func deliver(_ mail: OutgoingMail, isCancelled: @escaping @Sendable () -> Bool) throws -> Delivery
}

/// A mail with its envelope.
struct OutgoingMail: Sendable {
    /// The job's.
    let id: JobID
    let sender: EmailAddress
    let recipient: EmailAddress
    let bytes: [UInt8]
}

/// What became of a mail at one attempt.
enum Delivery: Sendable, Equatable {
    /// Somebody else answers for it now. The words are theirs.
    case accepted(MailAnswer)
    /// It can never be accepted as it is.
    /// - isAboutRecipient: whether no mail to this recipient can.
    case refused(MailAnswer, isAboutRecipient: Bool)
    /// Not this time, or nobody knows; a later attempt may.
    case deferred(MailAnswer)
}

/// The last that was heard of a mail.
struct MailAnswer: Sendable, Equatable {
    /// SMTP's; nil when no server has answered.
    let code: Int?
    /// One line of printable characters.
    let text: String

    /// - Parameter text: cut, and cleaned of what is not printable.
    init(code: Int? = nil, _ text: String) {
        self.code = code
        let printable = text.unicodeScalars.map { 0x20..<0x7F ~= $0.value ? Character($0) : " " }
        self.text = String(printable.prefix(EmailLimits.answerBytesMax)).split(separator: " ").joined(separator: " ")
    }
}
