// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import MillraceAPI
import Testing

@testable import MillraceCLI

@Suite("WorkersFile")
struct WorkersFileTests {
    private func parse(_ text: String) throws(CommandError) -> WorkersFile {
        try WorkersFileReader.parse(text, named: "workers.yml")
    }

    private func faults(of text: String) -> [String] {
        do throws(CommandError) {
            _ = try parse(text)
            return []
        } catch {
            #expect(error.code == .usage)
            return error.message.split(separator: "\n").map(String.init)
        }
    }

    @Test(arguments: ["", "# nothing\n", "{}\n", "diagnostics: false\n", "api:\npools: {default: }\n"])
    func `what is left out has its default`(text: String) throws {
        #expect(try parse(text) == WorkersFile())
    }

    @Test func `the sample says the defaults, and every key`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../workers.yml")
        let sample = try String(contentsOf: file.standardized, encoding: .utf8)

        var expected = WorkersFile()
        expected.pools += [
            WorkersFile.PoolSettings(name: "photos", queues: ["photos"], concurrency: 2),
            WorkersFile.PoolSettings(
                name: "email", queues: ["email"], concurrency: 4, drainTimeout: .seconds(60)),
            WorkersFile.PoolSettings(name: "payments", queues: ["payments"]),
        ]
        #expect(try parse(sample) == expected)

        for key in WorkersFileReader.keys + WorkersFileReader.apiKeys + WorkersFileReader.poolKeys {
            #expect(
                sample.split(separator: "\n").contains {
                    $0.trimmingPrefix(while: { $0 == " " || $0 == "#" }).hasPrefix("\(key):")
                })
        }
    }

    @Test(arguments: [
        ("", "DIR/.millrace/blobs"), ("blobs: photos here", "DIR/photos here"), ("blobs: ../b", "DIR/../b"),
        ("blobs: /srv/blobs", "/srv/blobs"), ("blobs: s3://photos/shop?links=15m", "s3://photos/shop?links=15m"),
    ])
    func `the folder of blobs is relative to that of the file`(text: String, expected: String) throws {
        let file = try TemporaryFile(text)
        let folder = file.path.prefix(through: try #require(file.path.lastIndex(of: "/"))).dropLast()

        #expect(
            try WorkersFileReader.load(file.path).blobs
                == (expected.hasPrefix("DIR") ? "\(folder)\(expected.dropFirst(3))" : expected))
    }

    @Test func `the maildir is relative to the folder of the file, too`() throws {
        let file = try TemporaryFile("maildir: mail\n")
        let folder = file.path.prefix(through: try #require(file.path.lastIndex(of: "/")))

        #expect(try WorkersFileReader.load(file.path).maildir == "\(folder)mail")
    }

    @Test func `certificate and key are relative to the folder of the file, and of no use alone`() throws {
        let file = try TemporaryFile("api: {tls_certificate: a.pem, tls_key: /etc/b.key}")
        let folder = file.path.prefix(through: try #require(file.path.lastIndex(of: "/")))

        #expect(
            try WorkersFileReader.load(file.path).api.tls
                == APIServer.TLSFiles(certificatePath: "\(folder)a.pem", keyPath: "/etc/b.key"))
        for text in ["api: {tls_key: a}", "api: {tls_certificate: a}"] {
            #expect(faults(of: text).first?.contains("are of no use without each other") == true)
        }
    }

    @Test(arguments: ["~", "[a]", "{a: b}", "\"a\\nb\"", "'\(String(repeating: "x", count: 1025))'"])
    func `a folder of blobs that is no path is told with its line`(value: String) {
        let found = faults(of: "diagnostics: false\nblobs: \(value)\n")

        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("workers.yml:2:") == true)
        #expect(found.first?.contains("blobs: expected a folder's path") == true)
    }

    @Test func `diagnostics alone leave the default pool`() throws {
        let file = try parse("diagnostics: true")

        #expect(file.diagnostics)
        #expect(file.pools == [WorkersFile.PoolSettings(name: "default")])
    }

    @Test func `all keys are read`() throws {
        let file = try parse(
            """
            diagnostics: true
            retention: 30d
            retention_size: 20GiB
            api:
              host: 0.0.0.0
              port: 80
              host_names: [mill.example.com, mill]
              tls_certificate: /etc/ssl/mill.pem
              tls_key: /etc/ssl/mill.key
              plaintext: true
              trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
              database_connections: 12
            pools:
              photos:
                queues: [photos, default]
                concurrency: 2
                count: 4
                drain_timeout: 90s
                database_connections: 5
                memory: 512MiB
              email: {queues: ["email"], count: 0}
            """)

        #expect(
            file.api
                == WorkersFile.APISettings(
                    host: "0.0.0.0", port: 80, hostNames: ["mill.example.com", "mill"],
                    tls: APIServer.TLSFiles(certificatePath: "/etc/ssl/mill.pem", keyPath: "/etc/ssl/mill.key"),
                    plaintext: true,
                    trustedProxies: ["10.0.0.0/8", "2001:db8::/32"].compactMap { APIServer.Network($0) },
                    databaseConnections: 12))
        #expect(file.retention == .seconds(30 * 86_400))
        #expect(file.retentionSize == ByteCount(bytes: 20 << 30))
        #expect(file.pools.map(\.name) == ["photos", "email"])
        #expect(
            file.pools[0]
                == WorkersFile.PoolSettings(
                    name: "photos", queues: ["photos", "default"], concurrency: 2, count: 4, drainTimeout: .seconds(90),
                    databaseConnections: 5, memory: ByteCount(bytes: 512 << 20)))
        #expect(file.pools[1] == WorkersFile.PoolSettings(name: "email", queues: ["email"], count: 0))
        #expect(file.queues == ["photos", "default", "email"])
    }

    @Test func `all faults are told at once, with their places, in the order of the file`() {
        let faults = faults(
            of: """
                diagnostic: true
                api: {port: 0x50, hots: here}
                pools:
                  photos:
                    queues: [Photos, email, email]
                    concurency: 3
                    count: -1
                    drain_timeout: 25
                """)

        #expect(
            faults == [
                "workers.yml:1:1: unknown key diagnostic, did you mean diagnostics?",
                "workers.yml:2:13: api.port: expected a whole number from 1 to 65535, found 0x50",
                "workers.yml:2:19: api: unknown key hots, did you mean host?",
                "workers.yml:5:14: pools.photos.queues: expected 1 to 64 characters of [a-z0-9._-], found Photos",
                "workers.yml:5:29: pools.photos.queues: email is there twice",
                "workers.yml:6:5: pools.photos: unknown key concurency, did you mean concurrency?",
                "workers.yml:7:12: pools.photos.count: expected a whole number from 0 to 128, found -1",
                "workers.yml:8:20: pools.photos.drain_timeout: expected whole numbers with a unit out of d, h, m, "
                    + "s, ms, such as 25s, from 0s to 1h, found 25",
            ])
    }

    @Test(arguments: [
        (
            "wibble: 1",
            "1:1: unknown key wibble, known are diagnostics, api, blobs, maildir, retention, retention_size, pools"
        ),
        ("diagnostics: yes", "1:14: diagnostics: expected true or false, found yes"),
        ("diagnostics: \"true\"", "1:14: diagnostics: expected true or false, found true"),
        ("- a", "1:1: expected keys with values"),
        ("pools: [a]", "1:8: pools: expected keys with values"),
        ("pools: {a: {queues: photos}}", "1:21: pools.a.queues: expected a list of 1 to 32 queue names, found photos"),
        ("pools: {a: {queues: []}}", "1:21: pools.a.queues: expected a list of 1 to 32 queue names"),
        (
            "pools: {a: {concurrency: 1001}}",
            "1:26: pools.a.concurrency: expected a whole number from 1 to 1000, found 1001"
        ),
        (
            "retention: 12h",
            "1:12: retention: expected whole numbers with a unit out of d, h, m, s, ms, such as 25s, from 1d to 3650d, "
                + "found 12h"
        ),
        (
            "retention_size: 1MiB",
            "1:17: retention_size: expected a whole number with MiB or GiB, 64 MiB to 1024 GiB, such as 512MiB, "
                + "found 1MiB"
        ),
        (
            "pools: {a: {memory: 512MB}}",
            "1:21: pools.a.memory: expected a whole number with MiB or GiB, 64 MiB to 1024 GiB, such as 512MiB, found 512MB"
        ),
        ("pools: {a b: {}}", "1:9: pools: expected 1 to 64 characters of [a-z0-9._-], found \"a b\""),
        ("pools: {a: {count: 128}, b: {count: 128}, c: {}}", "1:8: pools: 257 processes in all, at most 256"),
        ("api: {host: \"a\\u001bb\"}", "1:13: api.host: expected an address or a host name, found \"a\\u{1b}b\""),
    ])
    func `a fault is told with its place`(text: String, expected: String) {
        #expect(faults(of: text) == ["workers.yml:\(expected)"])
    }

    @Test(arguments: ["a: [", "a: b: c", "\tdiagnostics: true", "diagnostics: true\n---\ndiagnostics: true\n", "a: *b"])
    func `what is no YAML is told with its place`(text: String) throws {
        let fault = try #require(faults(of: text).first)

        #expect(fault.firstMatch(of: /^workers\.yml:[0-9]+:[0-9]+: ./) != nil)
    }

    @Test func `a key that is there twice is a fault`() {
        #expect(faults(of: "api: {port: 1, port: 2}").first?.contains("given more than once: port") == true)
    }

    @Test func `connections of all processes are added up`() throws {
        let file = try parse("pools: {a: {count: 2}, b: {count: 0, database_connections: 5}}")

        #expect(file.databaseConnections(counts: [:]) == 10 + 4 + 20 + 4)
        #expect(file.databaseConnections(counts: ["b": 3, "c": 9]) == 10 + 4 + 20 + 15 + 4 + 4)
        #expect(throws: Never.self) { try file.refuseTooManyConnections(counts: [:], allowed: 38) }
        #expect(throws: CommandError.self) { try file.refuseTooManyConnections(counts: [:], allowed: 37) }
    }

    @Test func `an expansion bomb is harmless`() {
        let bomb = (1...30).reduce("a0: &a0 [x]\n") { text, level in
            text + "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n"
        }

        #expect(faults(of: bomb).count == 31)
    }

    @Test func `a file that is not there is a fault`() throws {
        do {
            _ = try WorkersFileReader.load("/nowhere/workers.yml")
            Issue.record("it was read")
        } catch {
            #expect(error == CommandError(.usage, "/nowhere/workers.yml: cannot be read: there is no such file"))
        }
    }
}
