// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import MillraceTesting
import Testing

@testable import Storefront

private func mail(to recipient: String = "ana@example.org", _ body: String = "Hello\r\n") throws -> OutgoingMail {
    var generator = SystemRandomNumberGenerator()
    return OutgoingMail(
        id: JobID(at: .now(), using: &generator), sender: try EmailAddress("shop@shop.example"),
        recipient: try EmailAddress(recipient), bytes: Array("Subject: a\r\n\r\n\(body)".utf8))
}

/// Against aiosmtpd.
@Suite("SMTPTransport", .needsPython, .timeLimit(.minutes(2))) struct SMTPTransportTests {
    @Test(arguments: [("none", "smtp", "?tls=none"), ("starttls", "smtp", ""), ("implicit", "smtps", "")])
    func `hands a mail over, by each kind of connection`(tls: String, scheme: String, options: String) throws {
        let server = try SMTPServer("--tls", tls)
        let transport = SMTPTransport(try server.configuration(scheme, options: options))
        let body = ".\r\n..\r\n.dot\r\nFrom here\r\n\(String(repeating: ".\r\n", count: 40_000))end\r\n"

        let delivery = try transport.deliver(try mail(body)) { false }

        #expect(delivery == .accepted(MailAnswer(code: 250, "250 2.0.0 queued")))
        let message = try #require(server.messages.first)
        #expect(message.bytes == Array("Subject: a\r\n\r\n\(body)".utf8))
        #expect(message.sender == "shop@shop.example" && message.recipient == "ana@example.org")
        #expect(message.helo == "shop.example")
        #expect(message.isEncrypted == (tls != "none"))
    }

    @Test(arguments: [("starttls", "smtp"), ("implicit", "smtps")])
    func `logs in, and tells a wrong password from a refused mail`(tls: String, scheme: String) throws {
        let server = try SMTPServer("--tls", tls, "--login", "shop:p@ss:word")
        let right = SMTPTransport(try server.configuration(scheme, login: "shop:p%40ss%3Aword@"))
        let wrong = SMTPTransport(try server.configuration(scheme, login: "shop:password@"))
        let none = SMTPTransport(try server.configuration(scheme))

        #expect(try right.deliver(try mail()) { false } == StubTransport.queued)
        guard case .deferred(let answer) = try wrong.deliver(try mail(), isCancelled: { false }) else {
            Issue.record("a wrong password was no reason to wait")
            return
        }
        #expect(answer.code == 535)
        #expect(!answer.text.contains("password"))
        guard case .deferred(let missing) = try none.deliver(try mail(), isCancelled: { false }) else {
            Issue.record("a missing login was no reason to wait")
            return
        }
        #expect(missing.code == 530)
        #expect(server.messages.map(\.user) == ["shop"])
    }

    @Test func `sends nothing to a server of another name or authority, or without TLS`() throws {
        let named = try SMTPServer("--tls", "implicit", "--name", "mail.example")
        let implicit = try SMTPServer("--tls", "implicit")
        let plain = try SMTPServer()
        let attempts = [
            ("another name", try named.configuration("smtps")),
            ("another authority", try implicit.configuration("smtps", authority: named.authorityPath)),
            ("no STARTTLS", try plain.configuration("smtp", authority: named.authorityPath)),
        ]

        for (what, configuration) in attempts {
            guard
                case .deferred(let answer) = try SMTPTransport(configuration).deliver(
                    try mail(), isCancelled: { false })
            else {
                Issue.record("a mail was handed over: \(what)")
                continue
            }
            #expect(answer.text.hasPrefix("127.0.0.1:\(configuration.port): "), "\(answer.text)")
        }

        #expect(named.messages.isEmpty && implicit.messages.isEmpty && plain.messages.isEmpty)
    }

    @Test func `tells by a server's answer what a refusal means`() throws {
        let script = [
            "gone@example.org": [["rcpt", "550 5.1.1 no such user"]],
            "later@example.org": [["rcpt", "451 4.3.0 later"]],
            "spam@example.org": [["data", "554 5.7.1 no"]], "full@example.org": [["data", "452 4.3.1 no room"]],
        ]
        let server = try SMTPServer(script: script)
        let transport = SMTPTransport(try server.configuration(options: "?tls=none"))
        func delivery(_ name: String) throws -> Delivery {
            try transport.deliver(try mail(to: "\(name)@example.org")) { false }
        }

        #expect(
            try delivery("gone") == .refused(MailAnswer(code: 550, "550 5.1.1 no such user"), isAboutRecipient: true))
        #expect(try delivery("later") == .deferred(MailAnswer(code: 451, "451 4.3.0 later")))
        #expect(try delivery("spam") == .refused(MailAnswer(code: 554, "554 5.7.1 no"), isAboutRecipient: false))
        #expect(try delivery("full") == .deferred(MailAnswer(code: 452, "452 4.3.1 no room")))
        #expect(try delivery("later") == StubTransport.queued)
    }

    @Test func `does not know what became of a mail whose answer is lost`() throws {
        let server = try SMTPServer(script: ["*": [["cut"]]])
        let transport = SMTPTransport(try server.configuration(options: "?tls=none"))

        guard case .deferred(let answer) = try transport.deliver(try mail(), isCancelled: { false }) else {
            Issue.record("an answer was lost")
            return
        }
        #expect(answer.code == nil)
        #expect(answer.text.hasSuffix("whether the message has arrived is not known"))
        #expect(try transport.deliver(try mail()) { false } == StubTransport.queued)
    }

    @Test func `keeps its connection for the next mail`() throws {
        let server = try SMTPServer("--tls", "starttls")
        let transport = SMTPTransport(try server.configuration())

        for _ in 0..<5 { #expect(try transport.deliver(try mail()) { false } == StubTransport.queued) }

        #expect(server.connectionCount == 1)
        #expect(server.messages.count == 5)
    }

    @Test func `ends at its time-out, and says so`() throws {
        let server = try SMTPServer(script: ["*": [["hang"]]])
        var configuration = try server.configuration(options: "?tls=none")
        configuration.attemptTimeout = .seconds(2)
        let start = ContinuousClock.now

        let delivery = try SMTPTransport(configuration).deliver(try mail()) { false }

        guard case .deferred(let answer) = delivery else {
            Issue.record("\(delivery)")
            return
        }
        #expect(answer.text.contains("timeout") && answer.text.hasSuffix("is not known"), "\(answer.text)")
        #expect(ContinuousClock.now - start > .seconds(1.9))
    }

    @Test func `ends soon after it was cancelled`() async throws {
        let server = try SMTPServer(script: ["*": [["hang"]]])
        let transport = SMTPTransport(try server.configuration(options: "?tls=none"))
        let flag = CancellationFlag()

        // It blocks its thread, which must not be this test's.
        let sending = Task.detached {
            try transport.deliver(try mail()) { flag.isSet }
        }
        await eventually(within: .seconds(30), "the message has arrived") { server.messages.count == 1 }
        flag.set()

        await #expect(throws: CancellationError.self) { try await sending.value }
    }

    @Test func `waits for a server that is not there`() throws {
        let configuration = try SMTPConfiguration(url: "smtp://127.0.0.1:1?tls=none")

        guard case .deferred(let answer) = try SMTPTransport(configuration).deliver(try mail(), isCancelled: { false })
        else {
            Issue.record("a mail was handed over to nobody")
            return
        }
        #expect(answer.code == nil && answer.text.hasPrefix("127.0.0.1:1: "))
    }
}

extension StubTransport {
    fileprivate static let queued = Delivery.accepted(MailAnswer(code: 250, "250 2.0.0 queued"))
}
