// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Keys and TLS as operators use them, on real processes and stores.
@Suite("Keys and TLS", .timeLimit(.minutes(2))) struct DoorTests {
    private func status(_ mill: Mill, _ key: String, _ path: String = "/v1/queues") async throws -> Int {
        try await mill.request("GET", path, headers: ["Authorization": "Bearer \(key)"]).status
    }

    @Test func `a key is made, works at once, and is refused seconds after it was revoked`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let key = try await Mill.createKey(
                "--scope", "read", "--queue", "default", environment: mill.environment)

            #expect(try await status(mill, key) == 200)
            #expect(try await status(mill, key, "/v1/pools") == 403)
            #expect(try await status(mill, "mr_aaaaaaaa_" + key.suffix(43)) == 401)
            try await run([Repository.executable.path(), "keys", "revoke", key], environment: mill.environment)

            let isRefused = await eventually(within: .seconds(20)) { (try? await self.status(mill, key)) == 401 }
            #expect(isRefused)
            #expect(try await status(mill, mill.key) == 200)
        }
    }

    @Test func `without PostgreSQL a key that is known is honoured`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            #expect(try await status(mill, mill.key, "/v1/workers") == 200)
            try await mill.stores.killPostgres()

            #expect(try await status(mill, mill.key, "/v1/workers") == 200)
            #expect(try await status(mill, mill.key, "/v1/jobs") == 503)
            #expect(try await status(mill, "mr_aaaaaaaa_" + mill.key.suffix(43), "/v1/workers") == 503)
        }
    }

    @Test func `on other than loopback the API wants TLS, or leave to do without`() async throws {
        try await Mill.with { mill in
            let refused = try mill.start("serve", ["serve", "--host", "0.0.0.0", "--port", "\(mill.port)"])

            #expect(await refused.exitCode(within: 30) == 2)
            #expect(
                refused.log.contains("0.0.0.0 is not loopback, and keys would travel unencrypted"), "\(refused.log)")
            #expect(refused.log.contains("api.tls_certificate"), "\(refused.log)")

            try mill.start("serve", ["serve", "--host", "0.0.0.0", "--port", "\(mill.port)", "--plaintext"])
            try await mill.expectReady()
        }
    }

    @Test func `the API speaks TLS with the certificate of workers yml`() async throws {
        let configuration = "diagnostics: true\napi: {host: 0.0.0.0, tls_certificate: api.pem, tls_key: api.key}\n"
        try await Mill.with(configuration: configuration) { mill in
            try await run([
                "bash", "-euc",
                """
                cd "$1"
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                    -addext subjectAltName=DNS:localhost -keyout api.key -out api.pem 2>/dev/null
                """, "certificate", mill.stores.folder.path(),
            ])
            let serve = try mill.start("serve", ["serve", "--port", "\(mill.port)"])
            func curl(_ url: String, _ options: String...) async throws -> String {
                try await run(
                    ["curl", "--silent", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}"]
                        + options + ["--header", "Authorization: Bearer \(mill.key)", "\(url):\(mill.port)/v1/queues"])
            }
            let authority = mill.stores.folder.appending(path: "api.pem").path()

            let answers = await eventually(within: .seconds(30)) {
                (try? await curl("https://localhost", "--cacert", authority)) == "200"
            }
            #expect(answers, "\(serve.log)")
            #expect(try await curl("https://localhost", "--cacert", authority, "--tls-max", "1.2") == "200")
            // Not without TLS, and not without the authority.
            for url in ["http://localhost", "https://localhost"] {
                await #expect(throws: (any Error).self) { try await curl(url) }
            }
            await #expect(throws: (any Error).self) {
                try await curl("https://localhost", "--cacert", authority, "--tls-max", "1.1")
            }
            #expect(serve.log.contains("https://0.0.0.0:\(mill.port)"), "\(serve.log)")
        }
    }
}
