// SPDX-License-Identifier: Apache-2.0

import Millrace

/// A mail as it goes over the wire (RFC 5322, RFC 2045 to 2047, RFC 2231): ASCII, lines of up to 78 characters where
/// nothing in them is longer by itself, each ended by CRLF.
///
/// Equal mails are equal bytes, in every run of their job: date, `Message-ID` and boundaries come out of the job's id.
struct MIMEMessage {
    let id: JobID
    let messageID: String
    let from: Mailbox
    let to: Mailbox
    let message: EmailMessage
    /// The bytes of the message's attachments, in their order.
    let files: [[UInt8]]

    /// `<JOB@DOMAIN>`, where the domain is the sender's.
    static func messageID(of id: JobID, from sender: Mailbox) -> String { "<\(id)@\(sender.address.domain)>" }

    var bytes: [UInt8] {
        var headers = [
            "Date: \(MailDate.text(id.time))", Self.header("From", from), Self.header("To", to),
        ]
        if let replyTo = message.replyTo { headers.append(Self.header("Reply-To", replyTo)) }
        headers += [
            "Subject: " + EncodedWords.unstructured(message.subject.description, used: 9),
            "Message-ID: \(messageID)",
            // Nobody's holiday greeting is wanted as an answer (RFC 3834).
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        ]
        return Self.lines(headers) + body
    }

    /// From its `Content-Type` on.
    private var body: [UInt8] {
        let texts = [message.text.map { Self.part($0, "plain") }, message.html.map { Self.part($0, "html") }]
            .compactMap(\.self)
        let text = texts.count == 1 ? texts[0] : multipart("alternative", texts)
        guard !message.attachments.isEmpty else { return text }
        let attached = zip(message.attachments, files).map { attachment, file in Self.part(attachment, file) }
        return multipart("mixed", [text] + attached)
    }

    /// A part that consists of parts. No encoded line can be its boundary: `=_` is in none. The line break before a
    /// boundary belongs to it, so that each part keeps its own.
    private func multipart(_ type: String, _ parts: [[UInt8]]) -> [UInt8] {
        let boundary = "=_\(type)_\(id)"
        let opening = Array("--\(boundary)\r\n".utf8)
        return Self.lines(["Content-Type: multipart/\(type);\r\n boundary=\"\(boundary)\"", ""])
            + parts.flatMap { opening + $0 + [0x0D, 0x0A] } + Array("--\(boundary)--\r\n".utf8)
    }

    private static func part(_ text: String, _ subtype: String) -> [UInt8] {
        let lines = TextLines.of(text)
        let foreignCount = text.utf8.count { $0 >= 0x80 }
        // Whichever is shorter: three characters for each foreign byte, or four for any three.
        let isReadable = foreignCount * 6 < text.utf8.count || text.isEmpty
        let type = ["Content-Type: text/\(subtype); charset=utf-8"]
        return isReadable
            ? Self.lines(type + ["Content-Transfer-Encoding: quoted-printable", ""]) + QuotedPrintable.text(of: lines)
            : Self.lines(type + ["Content-Transfer-Encoding: base64", ""])
                + Base64.lines(of: lines.flatMap { $0 + [0x0D, 0x0A] })
    }

    private static func part(_ attachment: EmailAttachment, _ file: [UInt8]) -> [UInt8] {
        lines([
            "Content-Type: \(attachment.type)", "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment" + FileNameParameter.text(attachment.name.description), "",
        ]) + Base64.lines(of: file)
    }

    private static func header(_ name: String, _ mailbox: Mailbox) -> String {
        guard let text = mailbox.name else { return "\(name): <\(mailbox.address)>" }
        let phrase = EncodedWords.phrase(text.description, used: name.utf8.count + 2)
        let lastLine = phrase.utf8.split(separator: 0x0A).last?.count ?? 0
        let isShort = name.utf8.count + 2 + lastLine + mailbox.address.description.utf8.count + 3 <= 78
        return "\(name): \(phrase)\(isShort ? " " : "\r\n ")<\(mailbox.address)>"
    }

    private static func lines(_ lines: [String]) -> [UInt8] {
        lines.flatMap { Array("\($0)\r\n".utf8) }
    }
}

/// The lines of a text, by whichever of CRLF, CR and LF they end.
enum TextLines {
    /// A text that does not end with a line break has one more line than breaks; one that does has as many.
    static func of(_ text: String) -> [ArraySlice<UInt8>] {
        let bytes = Array(text.utf8)
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex { $0 == 0x0D || $0 == 0x0A } ?? bytes.count
            lines.append(bytes[start..<end])
            let isPair = end + 1 < bytes.count && bytes[end] == 0x0D && bytes[end + 1] == 0x0A
            start = end + (isPair ? 2 : 1)
        }
        return lines
    }
}

/// A time as mails have it, in UTC: `Mon, 23 Nov 2026 03:28:09 +0000`.
enum MailDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ time: Timestamp) -> String {
        // 2026-11-23T03:28:09.000Z; 1970 began on a Thursday.
        let parts = time.rfc3339.split { "-T.".contains($0) }
        let day = days[Int(max(0, time.unixMilliseconds) / 86_400_000 % 7)]
        let month = months[(Int(parts[1]) ?? 1) - 1]
        return "\(day), \(parts[2]) \(month) \(parts[0]) \(parts[3]) +0000"
    }
}
