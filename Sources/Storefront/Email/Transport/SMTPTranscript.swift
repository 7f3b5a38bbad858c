// SPDX-License-Identifier: Apache-2.0

/// How far a transfer has come, and what the server answered to the last command: out of what libcurl shows of the
/// conversation.
///
/// Of what is sent no more is kept than the kind of command, as passwords are among it.
struct SMTPTranscript {
    enum Stage: Comparable, Sendable {
        /// Connecting, greeting, TLS, AUTH: nothing of the mail was said.
        case session
        case sender
        case recipient
        /// DATA was sent; `content`, if the server let it follow, too.
        case data
        /// The message is on its way: without an answer nobody knows what became of it.
        case content
    }

    /// Lines of one answer beyond which no more are kept.
    private static let linesMax = 20
    private static let lineBytesMax = 600

    private(set) var stage = Stage.session
    /// To the last command; nil while there is none.
    private(set) var answer: SMTPAnswer?
    private var lines: [String] = []
    private var isOver = false

    /// Takes note of a command.
    mutating func sent(_ command: some Sequence<UInt8>) {
        let words = String(decoding: Array(command.prefix(10)), as: UTF8.self).uppercased()
        if words.hasPrefix("QUIT\r\n") {
            isOver = true
            return
        }
        if words.hasPrefix("MAIL FROM:") {
            stage = .sender
        } else if words.hasPrefix("RCPT TO:") {
            stage = .recipient
        } else if words.hasPrefix("DATA\r\n") {
            stage = .data
        }
        forget()
    }

    /// Takes note that a part of the message goes out.
    mutating func sentContent() {
        guard stage != .content else { return }
        stage = .content
        forget()
    }

    /// Takes one line of the server's.
    mutating func received(_ line: some Sequence<UInt8>) {
        guard !isOver else { return }
        let text = String(decoding: Array(line.prefix(Self.lineBytesMax)), as: UTF8.self)
        guard let code = Int(text.prefix(3)), 100..<600 ~= code else { return }
        let rest = text.dropFirst(3)
        if lines.count < Self.linesMax { lines.append(String(rest.dropFirst())) }
        guard !rest.hasPrefix("-") else { return }
        answer = SMTPAnswer(code: code, lines: lines)
        lines = []
    }

    private mutating func forget() {
        answer = nil
        lines = []
    }
}

/// A server's answer to a command.
struct SMTPAnswer: Sendable, Equatable {
    let code: Int
    /// Class, subject and detail of RFC 3463, such as 5, 1, 1 for an unknown mailbox; nil where the server has none.
    let status: [Int]?
    let text: String

    init(code: Int, lines: [String]) {
        self.code = code
        text = lines.joined(separator: " ")
        let parts = (lines.first ?? "").prefix { !$0.isWhitespace }.split(
            separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        status = numbers.count == 3 && parts.count == 3 ? numbers : nil
    }

    var told: MailAnswer { MailAnswer(code: code, "\(code) \(text)") }
}

extension Delivery {
    /// What a server's refusal, or its silence, means for a mail.
    ///
    /// - A refusal before the mail was spoken of is about this sender's configuration, and so is one that asks for a
    ///   login: an operator mends it, and no mail is lost for it.
    /// - 4yz is "not now".
    /// - 5yz is final. It is about the recipient when the server says so by its status code, or, where it has none, by
    ///   the usual codes in answer to the recipient's address; not when it speaks of its own rules (5.7.z), of the
    ///   size, or of a full mailbox.
    /// - Parameter failure: in libcurl's words.
    static func failed(_ transcript: SMTPTranscript, failure: String) -> Delivery {
        guard let answer = transcript.answer, answer.code >= 400 else {
            let note = transcript.stage == .content ? "; whether the message has arrived is not known" : ""
            return .deferred(MailAnswer(failure + note))
        }
        let isOurs = transcript.stage == .session || [530, 534, 535, 538].contains(answer.code)
        guard answer.code >= 500, !isOurs else { return .deferred(answer.told) }
        return .refused(answer.told, isAboutRecipient: isAboutRecipient(answer, transcript.stage))
    }

    private static func isAboutRecipient(_ answer: SMTPAnswer, _ stage: SMTPTranscript.Stage) -> Bool {
        guard stage >= .recipient else { return false }
        guard let status = answer.status else { return stage == .recipient && [550, 551, 553].contains(answer.code) }
        // Bad mailbox, bad domain, bad syntax, moved without a trace, domain that takes no mail; disabled mailbox.
        return [[5, 1, 1], [5, 1, 2], [5, 1, 3], [5, 1, 6], [5, 1, 10], [5, 2, 1]].contains(status)
    }
}
