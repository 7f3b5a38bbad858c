// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import Testing

@testable import Storefront

@Suite struct `The settings of e-mail` {
    private func settings(_ environment: [String: String]) throws -> EmailSettings {
        try EmailSettings(environment: environment, maildir: "/mail")
    }

    @Test func `are a maildir while no server is named`() throws {
        let settings = try settings(["SMTP_URL": ""])

        guard case .maildir(let maildir) = settings.way else {
            Issue.record("\(settings.way)")
            return
        }
        #expect(maildir.path == "/mail")
        #expect(settings.sender.address.description == "millrace@localhost")
    }

    @Test(arguments: [
        ("smtp://mail.example.org", "mail.example.org", 587, SMTPConfiguration.Security.startTLS),
        ("smtp://mail.example.org?tls=starttls", "mail.example.org", 587, .startTLS),
        ("smtps://mail.example.org", "mail.example.org", 465, .implicit),
        ("smtps://mail.example.org:2465/", "mail.example.org", 2465, .implicit),
        ("smtp://127.0.0.1?tls=none", "127.0.0.1", 25, .none), ("smtp://[::1]:1025?tls=none", "[::1]", 1025, .none),
    ])
    func `name a server`(url: String, host: String, port: Int, security: SMTPConfiguration.Security) throws {
        let configuration = try SMTPConfiguration(url: url)

        #expect(configuration.host == host && configuration.port == port)
        #expect(configuration.security == security && configuration.login == nil)
    }

    @Test func `take a login with any characters, and show it to nobody`() throws {
        let configuration = try SMTPConfiguration(url: "smtps://ana%40example.org:s%2Fe%20c%3Aret@mail.example.org")

        #expect(configuration.login?.user == "ana@example.org")
        #expect(configuration.login?.password.revealed == "s/e c:ret")
        #expect(!"\(configuration)".contains("s/e c"))
    }

    @Test(arguments: [
        ["SMTP_URL": "mail.example.org:secret"], ["SMTP_URL": "http://secret@mail.example.org"],
        ["SMTP_URL": "smtp://mail.example.org?tls=secret"], ["SMTP_URL": "smtps://mail.example.org?tls=none&secret"],
        ["SMTP_URL": "smtp://secret@mail.example.org"], ["SMTP_URL": "smtp://a:secret@mail.example.org?tls=none"],
        ["SMTP_URL": "smtps://mail.example.org:0"], ["SMTP_URL": "smtps://mail.example.org/secret"],
        ["SMTP_URL": "smtps://mail.example.org"], ["SMTP_URL": "smtps://mail.example.org", "EMAIL_FROM": "secret"],
        ["EMAIL_FROM": "Shop <secret>"],
    ])
    func `that cannot be right are told, without their values`(environment: [String: String]) {
        let error = #expect(throws: EmailError.self) { try settings(environment) }

        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("secret") == false, "\(error?.message ?? "")")
    }

    @Test func `are tried before anything starts`() throws {
        let folder = try TemporaryFolder()
        let server = ["SMTP_URL": "smtps://mail.example.org", "EMAIL_FROM": "shop@example.org"]

        try EmailSettings(environment: [:], maildir: "\(folder.path)/a/mail").check()
        try settings(server).check()
        #expect(throws: EmailError.self) {
            try EmailSettings(environment: [:], maildir: "/dev/null/mail").check()
        }
        #expect(throws: EmailError.self) {
            try settings(server.merging(["SMTP_CA_FILE": "\(folder.path)/none.pem"]) { $1 }).check()
        }
    }
}

@Suite struct `A maildir` {
    @Test func `has a file for each mail, which a second run overwrites`() throws {
        let folder = try TemporaryFolder()
        let maildir = Maildir(path: "\(folder.path)/mail")
        var generator = SystemRandomNumberGenerator()
        let (first, second) = (
            JobID(at: .now(), using: &generator), JobID(at: .now(), using: &generator)
        )
        let address = try EmailAddress("ana@example.org")
        func deliver(_ id: JobID, _ text: String) throws -> Delivery {
            try maildir.deliver(
                OutgoingMail(id: id, sender: address, recipient: address, bytes: Array(text.utf8))
            ) { false }
        }

        #expect(try deliver(first, "a") == .accepted(MailAnswer("written to \(folder.path)/mail/new/\(first)")))
        _ = try deliver(first, "b")
        _ = try deliver(second, "c")

        #expect(folder.files == ["mail/new/\(first)", "mail/new/\(second)"].sorted())
        #expect(try String(contentsOfFile: "\(folder.path)/mail/new/\(first)", encoding: .utf8) == "b")
        #expect(folder.isFolder("mail/cur") && folder.isFolder("mail/tmp"))
        #expect(try folder.permissions("mail/new/\(first)") == 0o600)
    }

    @Test func `that cannot be written in defers the mail`() throws {
        var generator = SystemRandomNumberGenerator()
        let address = try EmailAddress("ana@example.org")
        let mail = OutgoingMail(
            id: JobID(at: .now(), using: &generator), sender: address, recipient: address, bytes: [1])

        guard case .deferred = try Maildir(path: "/dev/null/mail").deliver(mail, isCancelled: { false }) else {
            Issue.record("a mail was written to nowhere")
            return
        }
    }
}
