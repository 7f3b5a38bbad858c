// SPDX-License-Identifier: Apache-2.0

public import Millrace

/// Sends one mail to one recipient.
///
/// It is submitted by `POST /v1/emails`, by `LedgerTransaction.send`, or like any other job. It may be sent twice, when a
/// server's answer is lost or a worker is killed before it has recorded it: both mails have the same `Message-ID` then,
/// which is the job's id.
public struct SendEmail: Job {
    public static let kind: JobKind = "email.send"
    /// Servers that say "later" are asked again for about two days.
    public static let defaults = JobOptions(
        queue: "email", maxAttempts: 20, timeout: .seconds(300),
        backoff: Backoff(base: .seconds(30), limit: .seconds(4 * 3600)), isBlocking: true)

    public let to: Mailbox
    public let message: EmailMessage

    public init(to: Mailbox, _ message: EmailMessage) {
        self.to = to
        self.message = message
    }

    /// How a mail can end.
    public enum End: String, Codable, Sendable {
        case sent
        /// The server refused it for good.
        case rejected
        /// The recipient's address was refused for good before, and nobody has lifted that.
        case suppressed
    }

    public struct Output: Codable, Sendable, Equatable {
        public let state: End
        /// The server's words, or ours.
        public let answer: String
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case to
        case template, values, subject, text, html, replyTo = "reply_to", attachments
    }

    public init(from decoder: any Decoder) throws {
        to = try decoder.onlyMembers(CodingKeys.self).decode(Mailbox.self, forKey: .to)
        message = try EmailMessage(from: decoder)
    }

    /// The message's members stand beside the recipient.
    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(to, forKey: .to)
        try message.encode(to: encoder)
    }
}
