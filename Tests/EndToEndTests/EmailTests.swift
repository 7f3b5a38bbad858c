// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("E-mail") struct EmailTests {
    @Test(.timeLimit(.minutes(2)))
    func `a mail that was posted lies in the maildir`() async throws {
        let pools = "pools: {default: {count: 0}, email: {queues: [email], concurrency: 2}}\n"
        try await Mill.with(configuration: pools) { mill in
            let up = try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()

            let answer = try await mill.request(
                "POST", "/v1/emails",
                """
                {"to": [{"address": "ana@example.org", "name": "Ana Müller"}], "template": "receipt",
                 "values": {"order": "7", "total": "26.50 €", "items": [{"name": "Tee", "amount": "26.50 €"}]}}
                """)
            #expect(answer.status == 202)
            let address = try #require(answer.headers["Location"])
            #expect(try await mill.expectAllEnded(within: .seconds(60)))

            let email = try await mill.request("GET", address).json
            let id = try #require(email["id"] as? String)
            #expect(email["state"] as? String == "sent" && email["attempts"] as? Int == 1)
            let file = mill.stores.folder.appending(path: ".millrace/mail/new/\(id)")
            let mail = try String(contentsOf: file, encoding: .utf8).replacing("\r\n", with: "\n")
            #expect(mail.contains("\nTo: =?UTF-8?Q?Ana_M=C3=BCller?= <ana@example.org>\n"), "\(mail)")
            #expect(mail.contains("\nSubject: Your receipt for order 7\n"))
            #expect(mail.contains("\nMessage-ID: <\(id)@localhost>\n"))
            #expect(mail.contains("\nTotal: 26.50 =E2=82=AC\n"))
            up.signal(SIGTERM)
            #expect(await up.exitCode(within: 40) == 0)
        }
    }

    @Test(.needsPython, .timeLimit(.minutes(4)))
    func `each mail is recorded once though workers are killed, and sent again only as itself`() async throws {
        let count = 200
        try await Mill.with { mill in
            try await mill.startAPI()
            let server = try await MailServer(mill, "--delay", "0.1")
            let variables = ["SMTP_URL": server.url, "EMAIL_FROM": "Shop <shop@example.org>"]
            func startWorker() throws -> Child {
                try mill.start(
                    "work", ["work", "--queues", "email", "--concurrency", "4"], environment: variables)
            }
            let recipients = (0..<count).map { "\"a\($0)@example.org\"" }.joined(separator: ",")
            let answer = try await mill.request(
                "POST", "/v1/emails", "{\"to\": [\(recipients)], \"subject\": \"Hi\", \"text\": \"Hello\"}")
            #expect(answer.status == 202)

            var workers = [try startWorker(), try startWorker()]
            for kill in 1...3 {
                let isUnderWay = await eventually(within: .seconds(60)) { server.messages.count >= kill * count / 5 }
                #expect(isUnderWay)
                workers.removeFirst().signal(SIGKILL)
                workers.append(try startWorker())
            }
            #expect(try await mill.expectAllEnded(within: .seconds(120)))

            #expect(try await mill.count("state = 'completed' AND failures = 0") == count)
            #expect(
                try await mill.stores.rows(
                    "SELECT state, count(*), count(DISTINCT recipient), count(DISTINCT message_id) "
                        + "FROM storefront.emails GROUP BY state") == ["sent|\(count)|\(count)|\(count)"])
            let known = Set(
                try await mill.stores.rows("SELECT recipient || ' ' || message_id FROM storefront.emails"))
            let sent = server.messages
            #expect(Set(sent.map { "\($0.recipient) \($0.messageID ?? "")" }) == known)
            #expect(Set(sent.map(\.text)).count == count, "a mail that was sent again is not the same")
        }
    }
}

/// aiosmtpd as a child of the mill, as `smtp_server.py` sets it up.
private struct MailServer {
    struct Message {
        let recipient: String
        let text: String

        var messageID: String? {
            text.split(separator: "\r\n").first { $0.hasPrefix("Message-ID: ") }.map { String($0.dropFirst(12)) }
        }
    }

    private let folder: URL
    let url: String

    init(_ mill: Mill, _ arguments: String...) async throws {
        let folder = mill.stores.folder.appending(path: "smtp")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try mill.start(
            "smtp",
            [Repository.root.appending(path: "Tests/StorefrontTests/Email/smtp_server.py").path(), folder.path()]
                + arguments,
            executable: URL(filePath: try #require(Python.folder)).appending(path: "bin/python"), isMillrace: false)
        let port = folder.appending(path: "port")
        let listens = await eventually(within: .seconds(60)) { FileManager.default.fileExists(atPath: port.path()) }
        #expect(listens)
        url = "smtp://127.0.0.1:\(try String(contentsOf: port, encoding: .utf8))?tls=none"
        self.folder = folder
    }

    var messages: [Message] {
        let log = (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? ""
        return log.split(separator: "\n").compactMap { line in
            guard let entry = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let recipient = entry["to"] as? String, let data = entry["data"] as? String,
                let bytes = Data(base64Encoded: data)
            else { return nil }
            return Message(recipient: recipient, text: String(decoding: bytes, as: UTF8.self))
        }
    }
}

/// The packages of `scripts/lib/requirements.txt`.
private enum Python {
    static let folder = ProcessInfo.processInfo.environment["MILLRACE_TEST_PYTHON"]
}

extension Trait where Self == ConditionTrait {
    fileprivate static var needsPython: Self {
        .enabled(if: Python.folder != nil, "needs MILLRACE_TEST_PYTHON, which scripts/test sets")
    }
}
