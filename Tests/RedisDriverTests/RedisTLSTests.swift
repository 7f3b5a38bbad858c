// SPDX-License-Identifier: Apache-2.0

import Foundation
import RedisDriver
import Testing

@Suite(.needsRedis) struct RedisTLSTests {
    private struct Certificates {
        let directory: URL
        var authority: String { directory.appending(path: "ca.pem").path() }
        var certificate: String { directory.appending(path: "server.pem").path() }
        var key: String { directory.appending(path: "server.key").path() }

        /// An authority of its own and a certificate for `localhost` and 127.0.0.1.
        init() throws {
            directory = FileManager.default.temporaryDirectory.appending(path: "millrace-tls-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem")
            try openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr")
            try Data("subjectAltName=DNS:localhost,IP:127.0.0.1\n".utf8).write(to: directory.appending(path: "names"))
            try openssl(
                "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names"
                    + " -out server.pem"
            )
        }

        private func openssl(_ arguments: String) throws {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["openssl"] + arguments.split(separator: " ").map(String.init)
            process.currentDirectoryURL = directory
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
        }
    }

    private func withTLSServer(_ body: (RedisConfiguration, Certificates) async throws -> Void) async throws {
        let certificates = try Certificates()
        defer { try? FileManager.default.removeItem(at: certificates.directory) }
        let port = try RedisServer.freePort()
        let arguments = [
            "--tls-port", "\(port)", "--tls-auth-clients", "no", "--tls-ca-cert-file", certificates.authority,
            "--tls-cert-file", certificates.certificate, "--tls-key-file", certificates.key,
        ]
        try await RedisServer.with(arguments: arguments) { _ in
            try await body(RedisConfiguration(url: "rediss://localhost:\(port)/1"), certificates)
        }
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `speaks TLS with a server whose authority it trusts`(_ host: String) async throws {
        try await withTLSServer { configuration, certificates in
            var configuration = configuration
            configuration.host = host
            configuration.certificateAuthorityPath = certificates.authority
            try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                let value = [UInt8](repeating: 7, count: 300_000)
                _ = try await client.send(["SET", "tls", .bytes(value)])
                #expect(try await client.send(["GET", "tls"]).asBytes() == value)
            }
        }
    }

    @Test func `refuses a server whose authority it does not trust`() async throws {
        try await withTLSServer { configuration, _ in
            try await RedisClient.withClient(configuration, logger: TestRedis.logger) { client in
                let error = try await redisError { try await client.send(["PING"]) }

                #expect(error.code == .unavailable)
                #expect(error.message.localizedCaseInsensitiveContains("certificate"))
            }
        }
    }

    @Test func `a file without certificates is an error of the configuration`() async throws {
        let configuration = RedisConfiguration(
            host: "localhost", usesTLS: true, certificateAuthorityPath: "/nonexistent")

        #expect(
            try await redisError { try RedisClient(configuration, logger: TestRedis.logger) }.code
                == .invalidConfiguration)
    }
}
