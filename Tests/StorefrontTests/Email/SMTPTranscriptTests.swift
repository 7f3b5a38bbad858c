// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Storefront

private let session = [
    "< 220 mail.test", "> EHLO shop.test", "< 250-mail.test", "< 250-SIZE 1000", "< 250 HELP",
]
private let accepted =
    session + [
        "> MAIL FROM:<shop@example.org> SIZE=3", "< 250 ok", "> RCPT TO:<ana@example.org>",
    ]
private let sending = accepted + ["< 250 ok", "> DATA", "< 354 go on", "*"]

@Suite struct `What an SMTP server answers` {
    private func delivery(_ lines: [String]) -> Delivery {
        var transcript = SMTPTranscript()
        for line in lines {
            switch line.prefix(2) {
            case "> ": transcript.sent(Array("\(line.dropFirst(2))\r\n".utf8))
            case "< ": transcript.received(Array("\(line.dropFirst(2))\r\n".utf8))
            default: transcript.sentContent()
            }
        }
        return .failed(transcript, failure: "connection lost")
    }

    @Test(arguments: [
        "550 5.1.1 no such user", "550 5.1.2 no such host", "553 5.1.3 bad syntax", "550 5.1.10 null MX",
        "550 5.2.1 mailbox disabled", "550 no such user here", "551 not local", "553 name not allowed",
    ])
    func `about the recipient is told from other refusals`(answer: String) {
        guard case .refused(let told, isAboutRecipient: true) = delivery(accepted + ["< \(answer)"]) else {
            Issue.record("\(delivery(accepted + ["< \(answer)"]))")
            return
        }
        #expect(told.text == answer)
        #expect(told.code == Int(answer.prefix(3)))
    }

    @Test(arguments: [
        "550 5.7.1 relaying denied", "552 5.2.2 mailbox full", "552 too much", "554 no", "550 5.1.8 bad sender",
    ])
    func `that is final but not about the recipient suppresses nobody`(answer: String) {
        guard case .refused(_, isAboutRecipient: false) = delivery(accepted + ["< \(answer)"]) else {
            Issue.record("\(delivery(accepted + ["< \(answer)"]))")
            return
        }
    }

    @Test func `to the message or the sender is about the recipient only where it says so`() {
        let about = delivery(sending + ["< 550-5.1.1 no", "< 550 such user"])
        #expect(about == .refused(MailAnswer(code: 550, "550 5.1.1 no such user"), isAboutRecipient: true))
        #expect(
            delivery(sending + ["< 550 spam"])
                == .refused(MailAnswer(code: 550, "550 spam"), isAboutRecipient: false))
        let sender = session + ["> MAIL FROM:<shop@example.org>", "< 550 5.1.1 who are you"]
        #expect(
            delivery(sender) == .refused(MailAnswer(code: 550, "550 5.1.1 who are you"), isAboutRecipient: false))
    }

    @Test(arguments: [
        ["< 554 go away"], session + ["> AUTH PLAIN", "< 535 5.7.8 wrong"],
        session + ["> MAIL FROM:<shop@example.org>", "< 530 5.7.0 log in first"], session + ["> STARTTLS", "< 502 no"],
        accepted + ["< 451 4.3.0 later"], accepted + ["< 421 closing"], sending + ["< 452 no room"],
    ])
    func `for now, or to this sender's own settings, is no end`(lines: [String]) {
        let last = String(lines.last?.dropFirst(2) ?? "")
        #expect(delivery(lines) == .deferred(MailAnswer(code: Int(last.prefix(3)), last)))
    }

    @Test func `may be lost after the message`() {
        let unknown = MailAnswer("connection lost; whether the message has arrived is not known")
        #expect(delivery(sending) == .deferred(unknown))
        #expect(delivery(accepted) == .deferred(MailAnswer("connection lost")))
        #expect(delivery([]) == .deferred(MailAnswer("connection lost")))
    }

    @Test func `to the farewell does not count`() {
        let lines = accepted + ["< 550 5.1.1 no", "> QUIT", "< 221 bye"]
        #expect(delivery(lines) == .refused(MailAnswer(code: 550, "550 5.1.1 no"), isAboutRecipient: true))
    }

    @Test func `is kept printable and short`() {
        let answer = MailAnswer(code: 550, "550 a\u{1b}[31mb\r\nc " + String(repeating: "x", count: 2000))
        #expect(answer.text.hasPrefix("550 a [31mb c x"))
        #expect(answer.text.count <= EmailLimits.answerBytesMax)
    }
}
