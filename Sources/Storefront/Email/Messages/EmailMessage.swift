// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What a mail says: literally, or by a template, which is rendered when the message is made.
///
/// So what was accepted is what is sent, whatever becomes of the template in the meantime.
///
/// ```swift
/// try EmailMessage(subject: "Hello", text: "Hello, Ana!")
/// try EmailMessage(template: "welcome", values: ["name": "Ana"])
/// ```
public struct EmailMessage: Sendable, Equatable, Codable {
    public let subject: HeaderText
    /// One of the two parts is there at least.
    public let text: String?
    public let html: String?
    public let replyTo: Mailbox?
    public let attachments: [EmailAttachment]

    /// - Throws: ``EmailError`` with `.invalid`.
    public init(
        subject: String, text: String? = nil, html: String? = nil, replyTo: Mailbox? = nil,
        attachments: [EmailAttachment] = []
    ) throws(EmailError) {
        guard text != nil || html != nil else { throw .empty }
        guard attachments.count <= EmailLimits.attachmentsMax else { throw .tooManyAttachments(attachments.count) }
        self.subject = try HeaderText(subject)
        self.text = text
        self.html = html
        self.replyTo = replyTo
        self.attachments = attachments
    }

    /// - Parameters:
    ///   - template: one of ``EmailTemplate/names``.
    ///   - values: for every name that the template uses.
    /// - Throws: ``EmailError`` with `.invalid`.
    public init(
        template: String, values: [String: TemplateValue], replyTo: Mailbox? = nil,
        attachments: [EmailAttachment] = []
    ) throws(EmailError) {
        let rendered = try EmailTemplate.named(template).render(values)
        try self.init(
            subject: rendered.subject, text: rendered.text, html: rendered.html, replyTo: replyTo,
            attachments: attachments)
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case template, values, subject, text, html, replyTo = "reply_to", attachments
    }

    /// Takes a template and its values as well; what is encoded is the rendered message.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        replyTo = try members.decodeIfPresent(Mailbox.self, forKey: .replyTo)
        attachments = try members.decodeIfPresent([EmailAttachment].self, forKey: .attachments) ?? []
        guard attachments.count <= EmailLimits.attachmentsMax else {
            throw members.fault(.attachments, .tooManyAttachments(attachments.count))
        }
        if members.contains(.template) {
            let rendered = try Self.rendered(members)
            do throws(EmailError) {
                subject = try HeaderText(rendered.subject)
            } catch {
                throw members.fault(.values, EmailError(.invalid, "in the subject: \(error.message)"))
            }
            (text, html) = (rendered.text, rendered.html)
        } else {
            if members.contains(.values) {
                throw members.fault(.values, EmailError(.invalid, "there are values, but no template to put them into"))
            }
            subject = try members.decode(HeaderText.self, forKey: .subject)
            text = try members.decodeIfPresent(String.self, forKey: .text)
            html = try members.decodeIfPresent(String.self, forKey: .html)
            guard text != nil || html != nil else { throw members.fault(.text, .empty) }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(subject, forKey: .subject)
        try members.encodeIfPresent(text, forKey: .text)
        try members.encodeIfPresent(html, forKey: .html)
        try members.encodeIfPresent(replyTo, forKey: .replyTo)
        if !attachments.isEmpty { try members.encode(attachments, forKey: .attachments) }
    }

    private static func rendered(
        _ members: KeyedDecodingContainer<CodingKeys>
    ) throws -> EmailTemplate.Rendered {
        for key in [CodingKeys.subject, .text, .html] where members.contains(key) {
            throw members.fault(key, EmailError(.invalid, "the template has one of its own; leave it out"))
        }
        let name = try members.decode(String.self, forKey: .template)
        let template: EmailTemplate
        do throws(EmailError) {
            template = try EmailTemplate.named(name)
        } catch {
            throw members.fault(.template, error)
        }
        let values = try members.decodeIfPresent([String: TemplateValue].self, forKey: .values) ?? [:]
        do throws(EmailError) {
            return try template.render(values)
        } catch {
            throw members.fault(.values, error)
        }
    }
}

extension KeyedDecodingContainer where Key == EmailMessage.CodingKeys {
    fileprivate func fault(_ key: Key, _ error: EmailError) -> DecodingError {
        DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: error.message)
    }
}

extension EmailError {
    fileprivate static let empty = EmailError(.invalid, "missing; a mail has a text, an html or both")

    fileprivate static func tooManyAttachments(_ count: Int) -> EmailError {
        EmailError(.invalid, "\(count) attachments, at most \(EmailLimits.attachmentsMax)")
    }
}
