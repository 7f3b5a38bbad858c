// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// The body of `POST /v1/emails`: a message, and all who are to get it.
struct EmailRequest: Decodable {
    static let known = [to] + EmailMessage.CodingKeys.allCases.map(\.stringValue)
    private static let to = "to"

    let recipients: [Mailbox]
    let message: EmailMessage

    private enum CodingKeys: String, CodingKey {
        case to
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        recipients = try members.decode([Mailbox].self, forKey: .to)
        guard 1...EmailLimits.recipientsMax ~= recipients.count else {
            throw DecodingError.dataCorruptedError(
                forKey: .to, in: members,
                debugDescription: "\(recipients.count) recipients; a request has 1 to \(EmailLimits.recipientsMax)")
        }
        var known: Set<String> = []
        for mailbox in recipients where !known.insert(mailbox.address.key).inserted {
            throw DecodingError.dataCorruptedError(
                forKey: .to, in: members,
                debugDescription: "\(mailbox.address.description.quoted) is there more than once")
        }
        message = try EmailMessage(from: decoder)
        // Each recipient's job holds the message.
        let bytes = ((message.text?.utf8.count ?? 0) + (message.html?.utf8.count ?? 0)) * recipients.count
        guard bytes <= Limits.batchBytesMax else {
            throw DecodingError.dataCorruptedError(
                forKey: .to, in: members,
                debugDescription: "\(bytes) bytes of text for all recipients together, at most \(Limits.batchBytesMax)")
        }
    }

    var emails: [SendEmail] { recipients.map { SendEmail(to: $0, message) } }
}
