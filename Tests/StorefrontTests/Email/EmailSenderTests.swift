// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Millrace
import MillracePostgres
import MillraceTesting
import PostgresDriver
import Testing

@testable import Storefront

@Suite("EmailSender", .needsPostgres) struct EmailSenderTests {
    private static let refusal = MailAnswer(code: 550, "550 5.1.1 no such user")
    private static let delay = MailAnswer(code: 451, "451 4.3.0 later")

    private func output(_ result: Result<[UInt8], any Error>) throws -> SendEmail.Output {
        try JSONDecoder().decode(SendEmail.Output.self, from: Data(result.get()))
    }

    @Test func `writes what became of a mail together with its job's outcome`() async throws {
        let transport = StubTransport()
        try await EmailFixture.with(transport) { fixture in
            let id = try await fixture.submit("Ana@example.org")[0]
            #expect(try await fixture.email(id)["state"] as? String == "queued")

            let sent = try await output(fixture.run(id))

            #expect(sent == SendEmail.Output(state: .sent, answer: "250 ok"))
            #expect(try await fixture.ledger.jobs([id])[id]?.state == .completed)
            let email = try await fixture.email(id)
            #expect(email["state"] as? String == "sent" && email["attempts"] as? Int == 1)
            #expect(email["code"] as? Int == 250 && email["answer"] as? String == "250 ok")
            #expect(email["message_id"] as? String == "<\(id)@example.org>")
            let mail = try #require(transport.mails.first)
            #expect(mail.recipient.description == "Ana@example.org" && mail.sender.description == "shop@example.org")
            #expect(String(decoding: mail.bytes, as: UTF8.self).contains("Message-ID: <\(id)@example.org>\r\n"))
        }
    }

    @Test(arguments: [MailAnswer(code: 451, "451 4.3.0 later"), MailAnswer("connection lost")])
    func `tries again later, with the same bytes`(answer: MailAnswer) async throws {
        let transport = StubTransport(.deferred(answer))
        try await EmailFixture.with(transport) { fixture in
            let id = try await fixture.submit("ana@example.org")[0]

            let error = await #expect(throws: EmailError.self) { try await fixture.run(id).get() }
            // A server's words may name the recipient; the job's error is shown to more than may know that.
            #expect(error?.code == .deferred && error?.message.contains("later") == false)
            #expect(error?.message.contains(answer.code.map(String.init) ?? answer.text) == true)
            let deferred = try await fixture.email(id)
            #expect(try await output(fixture.run(id)).state == .sent)

            #expect(deferred["state"] as? String == "deferred" && deferred["answer"] as? String == answer.text)
            #expect(deferred["code"] as? Int == answer.code)
            #expect(Set(transport.mails.map(\.bytes)).count == 1 && transport.mails.count == 2)
            let email = try await fixture.email(id)
            #expect(email["attempts"] as? Int == 2 && email["code"] as? Int == 250)
        }
    }

    @Test func `sends no more to a recipient that was refused, until an operator lifts that`() async throws {
        let transport = StubTransport(.refused(Self.refusal, isAboutRecipient: true))
        try await EmailFixture.with(transport) { fixture in
            let ids = try await fixture.submit("Gone@example.org", "ana@example.org")

            #expect(try await output(fixture.run(ids[0])).state == .rejected)
            #expect(try await output(fixture.run(ids[1])).state == .sent)
            let second = try await fixture.submit("gone@EXAMPLE.org")[0]
            #expect(try await output(fixture.run(second)).state == .suppressed)
            #expect(transport.mails.count == 2)
            #expect(try await fixture.email(ids[0])["state"] as? String == "rejected")
            #expect(try await fixture.email(second)["state"] as? String == "suppressed")

            let suppression = try await fixture.send(.get, "/v1/suppressions/GONE@example.org")
            #expect(try suppression.json["answer"] as? String == "550 5.1.1 no such user")
            #expect(try (suppression.json["email"] as? [String: String])?["id"] == "\(ids[0])")
            #expect(try await fixture.send(.delete, "/v1/suppressions/gone@example.org").status == 204)
            #expect(try await fixture.send(.delete, "/v1/suppressions/gone@example.org").status == 404)
            #expect(try await fixture.send(.get, "/v1/suppressions/gone@example.org").status == 404)
            let third = try await fixture.submit("gone@example.org")[0]
            #expect(try await output(fixture.run(third)).state == .sent)
        }
    }

    @Test func `suppresses nobody for a refusal of the message`() async throws {
        let answer = MailAnswer(code: 554, "554 5.7.1 spam")
        try await EmailFixture.with(StubTransport(.refused(answer, isAboutRecipient: false))) { fixture in
            let id = try await fixture.submit("ana@example.org")[0]

            #expect(try await output(fixture.run(id)).state == .rejected)

            #expect(try await fixture.email(id)["code"] as? Int == 554)
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.suppressions") == 0)
        }
    }

    @Test func `writes nothing for an attempt that was taken over while it sent`() async throws {
        let transport = StubTransport()
        try await EmailFixture.with(transport) { fixture in
            let id = try await fixture.submit("ana@example.org")[0]
            let slow = SlowTransport()
            let other = try fixture.handing(to: slow)

            async let first = other.run(id)
            await eventually("the first attempt sends") { slow.hasBegun.isSet }
            let second = try await fixture.run(id)
            slow.mayEnd.set()

            #expect(try output(second).state == .sent)
            let lost = try await first
            #expect(throws: (any Error).self) { try lost.get() }
            let email = try await fixture.email(id)
            #expect(email["attempts"] as? Int == 2 && email["answer"] as? String == "250 ok")
        }
    }

    @Test(.needsPython) func `sends again under the same Message-ID where the answer was lost`() async throws {
        let server = try SMTPServer("--tls", "starttls", script: ["*": [["cut"]]])
        try await EmailFixture.with(SMTPTransport(try server.configuration())) { fixture in
            let id = try await fixture.submit("ana@example.org")[0]

            await #expect(throws: EmailError.self) { try await fixture.run(id).get() }
            #expect(try await fixture.email(id)["code"] is NSNull)
            #expect(try await output(fixture.run(id)) == SendEmail.Output(state: .sent, answer: "250 2.0.0 queued"))

            #expect(server.messages.map { $0.header("Message-ID") } == ["<\(id)@example.org>", "<\(id)@example.org>"])
            #expect(Set(server.messages.map(\.bytes)).count == 1)
        }
    }

    @Test func `takes jobs that were submitted without a row`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let id = try await fixture.ledger.transaction { transaction in
                try transaction.enqueue(
                    SendEmail(
                        to: Mailbox(EmailAddress("ana@example.org")), EmailMessage(subject: "Hi", text: "Hello")))
            }
            #expect(try await fixture.send(.get, "/v1/emails/\(id)").status == 404)

            #expect(try await output(fixture.run(id)).state == .sent)

            #expect(try await fixture.email(id)["state"] as? String == "sent")
        }
    }

    @Test func `is handed mails by a transaction, with their rows`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let email = SendEmail(
                to: try Mailbox("ana@example.org"), try EmailMessage(subject: "Hi", text: "Hello"))
            let id = try await fixture.ledger.transaction { try $0.send(email) }

            #expect(try await fixture.email(id)["state"] as? String == "queued")
            await #expect(throws: Rollback.self) {
                try await fixture.ledger.transaction { transaction in
                    try transaction.send(email)
                    throw Rollback()
                }
            }
            #expect(try await fixture.database.count("SELECT count(*) FROM storefront.emails") == 1)
        }
    }

    @Test func `shows a mail whose job ended without it`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let ids = try await fixture.submit("ana@example.org", "bo@example.org")

            _ = try await fixture.ledger.cancel(ids[0])
            try await fixture.database.run(
                "UPDATE millrace.job_rows SET state = 'dead', finished_at = now() WHERE id = $1", [.uuid(ids[1].bytes)])

            #expect(try await fixture.email(ids[0])["state"] as? String == "cancelled")
            #expect(try await fixture.email(ids[1])["state"] as? String == "failed")
        }
    }

    @Test func `keeps an attachment until the mail has ended`() async throws {
        let transport = StubTransport(.deferred(Self.delay))
        try await EmailFixture.with(transport) { fixture in
            let digest = try await fixture.blob(Array("a file".utf8))
            let name = try #require(BlobDigest(String(digest.dropFirst(7))))
            let attachments = #"[{"digest":"\#(digest)","name":"a.txt","type":"text/plain"}]"#
            let id = try await fixture.submit("ana@example.org", attachments: attachments)[0]
            let remover = BlobRemover(ledger: fixture.ledger, blobs: try await fixture.files.blobs())

            await #expect(throws: EmailError.self) { try await fixture.run(id).get() }
            #expect(try await !remover.remove(name))
            #expect(try await output(fixture.run(id)).state == .sent)

            #expect(try await remover.remove(name))
            #expect(String(decoding: transport.mails[1].bytes, as: UTF8.self).contains("\r\nYSBmaWxl\r\n"))
        }
    }

    @Test(.needsPython) func `waits for a bucket that is away with an attachment, at no cost`() async throws {
        let (server, transport) = (try ObjectStore(), StubTransport())
        try await EmailFixture.with(transport, bucket: server.settings) { fixture in
            let digest = try await fixture.blob(Array("a file".utf8))
            let attachments = #"[{"digest":"\#(digest)","name":"a.txt","type":"text/plain"}]"#
            let json = #"{"to":["ana@example.org"],"subject":"a","text":"b","attachments":\#(attachments)}"#
            try server.spoil("HEAD", .answer(503), times: 2)
            #expect(try await fixture.post("/v1/emails", json: json).status == 503)
            let id = try await fixture.submit("ana@example.org", attachments: attachments)[0]
            try server.spoil("GET", .answer(503), times: 3)

            let result = try await fixture.run(id)

            guard case .failure(JobSignal.snooze) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(transport.mails.isEmpty)
            #expect(try await output(fixture.run(id)).state == .sent)
            #expect(String(decoding: transport.mails[0].bytes, as: UTF8.self).contains("\r\nYSBmaWxl\r\n"))
        }
    }

    @Test func `ends a mail whose attachment is gone`() async throws {
        try await EmailFixture.with(StubTransport()) { fixture in
            let digest = try await fixture.blob(Array("a file".utf8))
            let attachments = #"[{"digest":"\#(digest)","name":"a.txt","type":"text/plain"}]"#
            let id = try await fixture.submit("ana@example.org", attachments: attachments)[0]
            let name = try #require(BlobDigest(String(digest.dropFirst(7))))
            try await fixture.files.blobs().delete(name)

            let result = try await fixture.run(id)

            guard case .failure(JobSignal.permanent(let reason)) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.hasPrefix("an attachment is gone"))
            #expect(try await fixture.email(id)["answer"] as? String == "an attachment is gone")
        }
    }
}

private struct Rollback: Error {}

/// Takes a mail, and says so when it may.
private final class SlowTransport: MailTransport {
    let hasBegun = CancellationFlag()
    let mayEnd = CancellationFlag()

    func deliver(_ mail: OutgoingMail, isCancelled: @escaping @Sendable () -> Bool) throws -> Delivery {
        hasBegun.set()
        while !mayEnd.isSet, !isCancelled() { sched_yield() }
        return StubTransport.accepted
    }
}
