// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Accounts") struct AccountTests {
    @Test(.timeLimit(.minutes(2)))
    func `who has forgotten a password chooses another by mail`() async throws {
        let pools = "pools: {default: {queues: [default, email], concurrency: 2}}\n"
        try await Mill.with(configuration: pools) { mill in
            let up = try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            func logIn(_ password: String) async throws -> Int {
                try await mill.request(
                    "POST", "/v1/login", #"{"email": "ana@example.org", "password": "\#(password)"}"#
                ).status
            }

            let registered = try await mill.request(
                "POST", "/v1/users",
                #"{"email": "ana@example.org", "name": "Ana Müller", "password": "correct horse battery"}"#)
            #expect(registered.status == 201)
            #expect(try await logIn("correct horse battery") == 200)
            let asked = try await mill.request("POST", "/v1/password-reset", #"{"email": "ana@example.org"}"#)
            #expect(asked.status == 202)
            #expect(try await mill.expectAllEnded(within: .seconds(60)))
            let mails = mill.stores.folder.appending(path: ".millrace/mail/new")
            let files = try FileManager.default.contentsOfDirectory(at: mails, includingPropertiesForKeys: nil)
            try #require(files.count == 1)
            let mail = try String(contentsOf: files[0], encoding: .utf8)
            let token = try #require(mail.firstMatch(of: /mp_[A-Za-z0-9_-]{43}/)).0
            let confirmed = try await mill.request(
                "POST", "/v1/password-reset/confirm",
                #"{"token": "\#(token)", "password": "staple battery horse"}"#)

            #expect(confirmed.status == 200)
            #expect(try await logIn("correct horse battery") == 401)
            #expect(try await logIn("staple battery horse") == 200)
            up.signal(SIGTERM)
            #expect(await up.exitCode(within: 40) == 0)
        }
    }
}
