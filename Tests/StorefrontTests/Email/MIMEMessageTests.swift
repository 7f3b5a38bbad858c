// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import Testing

@testable import Storefront

/// What Python's `email` reads out of a mail.
private struct ReadMail: Decodable {
    struct Part: Decodable {
        let type: String
        let name: String?
        let encoding: String?
        let text: String?
        let bytes: Data?
    }

    let subject: String
    let from: [[String]]
    let to: [[String]]
    let replyTo: [[String]]?
    let messageId: String
    let date: Double
    let headers: [String]
    let structure: [String]
    let parts: [Part]
    let defects: [String]
    let longest: Int
    let isAscii: Bool
    let bareBreaks: Int

    static func read(_ mails: [MIMEMessage]) throws -> [ReadMail] {
        let folder = try TemporaryFolder()
        let files = mails.indices.map { "\(folder.path)/\($0).eml" }
        for (mail, file) in zip(mails, files) { try Data(mail.bytes).write(to: URL(filePath: file)) }
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "read_mails.py")
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(filePath: try #require(PythonServer.folder)).appending(path: "bin/python")
        process.arguments = [script.path()] + files
        process.standardOutput = output
        try process.run()
        let answer = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode([ReadMail].self, from: answer)
    }
}

/// Text of all kinds: letters of many alphabets, blanks, marks that headers and MIME use themselves.
private struct RandomText {
    private static let alphabets = [
        "abcdefghijklmnopqrstuvwxyz ABC 0123456789", "äöüßéàñøåþ", "Ελληνικά ", "Привет ", "日本語漢字かな", "👩‍👩‍👧‍👦🏳️‍🌈e\u{301}",
        "=?_\"<>@,;:\\()[].'", "  ",
    ].map { Array($0) }

    var generator: SeededRandom

    mutating func characters(_ lengths: ClosedRange<Int>) -> String {
        let chosen = Self.alphabets.shuffled(using: &generator).prefix(Int.random(in: 1...3, using: &generator))
        let count = Int.random(in: lengths, using: &generator)
        return String(
            (0..<count).compactMap { _ in chosen.randomElement(using: &generator)?.randomElement(using: &generator) })
    }

    /// At most as many bytes as a header takes.
    mutating func header() throws -> HeaderText {
        while true {
            let text = characters(1...120)
            if let header = try? HeaderText(text), !text.trimmingCharacters(in: .whitespaces).isEmpty { return header }
        }
    }

    mutating func body() -> String {
        let ends = ["\n", "\r\n", "\r"]
        let end = ends.randomElement(using: &generator) ?? "\n"
        let lines = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
            [".", "..", "From here", "--=_mixed", "a ", "\t", ""].randomElement(using: &generator).map {
                Bool.random(using: &generator) ? $0 : characters(0...300)
            } ?? ""
        }
        return lines.joined(separator: end)
    }

    mutating func bytes() -> [UInt8] {
        (0..<Int.random(in: 0...3000, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
    }
}

/// SplitMix64.
private struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

private func mail(
    _ message: EmailMessage, from: Mailbox? = nil, to: Mailbox? = nil, files: [[UInt8]] = []
) throws -> MIMEMessage {
    let id = try #require(JobID("01a20528-b155-7bc3-8c3f-1f17f7340084"))
    let sender = try from ?? Mailbox("Shop <shop@example.org>")
    return try MIMEMessage(
        id: id, messageID: MIMEMessage.messageID(of: id, from: sender), from: sender,
        to: to ?? Mailbox("ana@example.org"), message: message, files: files)
}

@Suite struct `A MIME message` {
    @Test func `of plain text is as people would write it`() throws {
        let bytes = try mail(EmailMessage(subject: "Hello, Ana", text: "One line.\nAnd = another\n")).bytes

        #expect(
            String(decoding: bytes, as: UTF8.self) == """
                Date: Sun, 22 Nov 2026 21:28:02 +0000\r
                From: "Shop" <shop@example.org>\r
                To: <ana@example.org>\r
                Subject: Hello, Ana\r
                Message-ID: <01a20528-b155-7bc3-8c3f-1f17f7340084@example.org>\r
                Auto-Submitted: auto-generated\r
                MIME-Version: 1.0\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r
                One line.\r
                And =3D another\r

                """)
    }

    @Test func `is the same in every run of its job`() throws {
        let message = try EmailMessage(subject: "ä", text: "a", html: "b")
        #expect(try mail(message).bytes == mail(message).bytes)
    }

    @Test func `has its parts in the usual places`() throws {
        let digest = try #require(BlobDigest(bytes: Array(0..<32)))
        let file = try EmailAttachment(digest, name: HeaderText("a.png"), type: "image/png")
        let both = try mail(
            EmailMessage(subject: "s", text: "t", html: "h", attachments: [file]), files: [[1, 2, 3]])
        let boundaries = String(decoding: both.bytes, as: UTF8.self).matches(of: /(?m)^--=_(\w+?)_/).map(\.output.1)
        #expect(boundaries == ["mixed", "alternative", "alternative", "alternative", "mixed", "mixed"])
    }

    @Test(.needsPython, arguments: [UInt64.random(in: 1...UInt64.max), 1, 11_745_543_081_923_937_513])
    func `of anything is read by Python's parser as it was meant`(seed: UInt64) throws {
        var random = RandomText(generator: SeededRandom(state: seed))
        var mails: [MIMEMessage] = []
        for _ in 0..<150 {
            let attachments = try (0..<Int.random(in: 0...3, using: &random.generator)).map { _ in
                let name = try HeaderText(
                    random.header().description.replacing("/", with: "-").replacing("\\", with: "-"))
                let digest = try #require(BlobDigest(bytes: [UInt8](repeating: 7, count: 32)))
                return try EmailAttachment(digest, name: name, type: "application/octet-stream")
            }
            let hasText = Bool.random(using: &random.generator)
            let hasHTML = !hasText || Bool.random(using: &random.generator)
            let address = try EmailAddress(
                "\(String(repeating: "a", count: .random(in: 1...60, using: &random.generator)))@example.org")
            let message = try EmailMessage(
                subject: random.header().description, text: hasText ? random.body() : nil,
                html: hasHTML ? random.body() : nil,
                replyTo: Bool.random(using: &random.generator) ? Mailbox(address, name: random.header()) : nil,
                attachments: attachments)
            mails.append(
                try mail(
                    message, from: Mailbox(address, name: random.header()),
                    to: Mailbox(address, name: Bool.random(using: &random.generator) ? random.header() : nil),
                    files: attachments.map { _ in random.bytes() }))
        }

        let read = try ReadMail.read(mails)

        #expect(read.count == mails.count)
        for (mail, read) in zip(mails, read) { expect(read, isFor: mail, "seed \(seed)") }
    }

    private func expect(_ read: ReadMail, isFor mail: MIMEMessage, _ comment: Comment) {
        #expect(read.defects == [], comment)
        #expect(read.isAscii && read.bareBreaks == 0, comment)
        // Nothing is longer by itself than an address of 73 characters.
        #expect(read.longest <= 78, comment)
        #expect(read.subject == mail.message.subject.description, comment)
        // Python makes one blank of several in a name, and drops those around the name of a file.
        #expect(blanksJoined(read.from) == [told(mail.from)], comment)
        #expect(blanksJoined(read.to) == [told(mail.to)], comment)
        #expect(read.replyTo.map { blanksJoined($0) } == mail.message.replyTo.map { [told($0)] }, comment)
        #expect(read.messageId == mail.messageID, comment)
        #expect(Int(read.date) == Int(mail.id.time.unixMilliseconds / 1000), comment)
        #expect(Set(read.headers).count == read.headers.count, comment)
        let texts = [mail.message.text, mail.message.html].compactMap(\.self)
        let parts = read.parts.prefix(texts.count)
        #expect(parts.map(\.type) == types(of: mail.message), comment)
        #expect(parts.map { lines(of: $0.text ?? "") } == texts.map(lines), comment)
        let attached = read.parts.dropFirst(texts.count)
        #expect(
            attached.map { unbracketed($0.name ?? "") }
                == mail.message.attachments.map {
                    unbracketed($0.name.description.trimmingCharacters(in: .whitespaces))
                },
            comment)
        #expect(attached.map { $0.bytes.map(Array.init) } == mail.files, comment)
    }

    /// Python takes `<` and `>` off a name that has them at its ends, once or twice, however it is written.
    private func unbracketed(_ name: String) -> String {
        var name = name
        while name.count > 1, name.hasPrefix("<"), name.hasSuffix(">") { name = String(name.dropFirst().dropLast()) }
        return name
    }

    private func told(_ mailbox: Mailbox) -> [String] {
        [blanksJoined(mailbox.name?.description ?? ""), mailbox.address.description]
    }

    private func blanksJoined(_ mailboxes: [[String]]) -> [[String]] {
        mailboxes.map { mailbox in mailbox.map { blanksJoined($0) } }
    }

    private func blanksJoined(_ text: String) -> String { text.split(separator: " ").joined(separator: " ") }

    private func types(of message: EmailMessage) -> [String] {
        [message.text.map { _ in "text/plain" }, message.html.map { _ in "text/html" }].compactMap(\.self)
    }

    /// Whatever ends a line, and whether the last one has an end.
    private func lines(of text: String) -> [String] {
        let broken = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        return broken.hasSuffix("\n")
            ? Array(broken.components(separatedBy: "\n").dropLast()) : broken.components(separatedBy: "\n")
    }
}

@Suite struct `A mail's date` {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 +0000"),
        ("2024-02-29T23:59:59.999Z", "Thu, 29 Feb 2024 23:59:59 +0000"),
        ("2026-12-31T12:00:00Z", "Thu, 31 Dec 2026 12:00:00 +0000"),
    ])
    func `has the right day of the week`(time: String, text: String) throws {
        #expect(MailDate.text(try #require(Timestamp(rfc3339: time))) == text)
    }
}
