// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI
import MillraceTesting
import NIOCore
import Testing

@Suite("Connections") struct ConnectionTests {
    private static let job = Array(#"{"kind":"test.any","payload":0}"#.utf8)
    private static let json = [("Content-Type", "application/json")]

    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    @Test func `a connection serves many requests, pipelined ones too`() async throws {
        try await APIFixture.run { api in
            try await api.client.withConnection { connection in
                let request = api.client.request("POST", "/v1/jobs", Self.json, Self.job)
                try await connection.write(request + request + request)
                for _ in 0..<3 { #expect(try await connection.readReply().status == 202) }
                try await connection.write(api.client.request("GET", "/livez", [], nil))
                #expect(try await connection.readReply().status == 200)
            }
        }
    }

    @Test func `a body in chunks is taken`() async throws {
        try await APIFixture.run { api in
            let body = Self.job.flatMap { Self.chunk([$0]) } + Self.chunk([])

            let reply = try await api.client.send(
                "POST", "/v1/jobs", Self.json + [("Transfer-Encoding", "chunked")], body)

            #expect(reply.status == 202)
        }
    }

    @Test func `chunks without end are refused at the limit`() async throws {
        try await APIFixture.run { api in
            try await api.client.withConnection { connection in
                let headers = Self.json + [("Transfer-Encoding", "chunked")]
                try await connection.write(api.client.request("POST", "/v1/jobs", headers, nil))
                for _ in 0..<40 {
                    try await connection.write(Self.chunk([UInt8](repeating: 0x20, count: 64 * 1024)))
                }

                let reply = try await connection.readReply()

                #expect(reply.status == 413)
                #expect(reply.json?["type"]?.string == "/problems/too-large")
                #expect(reply.headers["connection"] == "close")
                #expect(try await connection.isClosedByServer())
            }
        }
    }

    @Test func `a client that asks whether to go on is told`() async throws {
        try await APIFixture.run { api in
            try await api.client.withConnection { connection in
                let headers = Self.json + [("Expect", "100-continue"), ("Content-Length", "\(Self.job.count)")]
                try await connection.write(api.client.request("POST", "/v1/jobs", headers, nil))
                try await connection.write(Self.job)
                let reply = try await connection.readReply()
                #expect(reply.informational == [100])
                #expect(reply.status == 202)
            }
            let headers = Self.json + [("Expect", "100-continue"), ("Content-Length", "10000000")]
            let reply = try await api.client.send("POST", "/v1/jobs", headers, nil)
            #expect(reply.informational.isEmpty)
            #expect(reply.status == 413)
        }
    }

    @Test func `a batch that is cut off is not taken for a smaller one`() async throws {
        let log = CountingLogger()
        try await APIFixture.run(logger: log.logger) { api in
            let line = Self.job + [0x0A]
            let type = [("Content-Type", "application/x-ndjson")]
            let cut = [
                api.client.request(
                    "POST", "/v1/jobs:batch", type + [("Transfer-Encoding", "chunked")], Self.chunk(line)),
                api.client.request("POST", "/v1/jobs:batch", type + [("Content-Length", "\(2 * line.count)")], line),
            ]
            for request in cut {
                // Half closed, the client would still hear an answer; closed, it would not.
                try await api.client.withConnection { connection in
                    try await connection.write(request)
                    connection.finish()
                    _ = try? await connection.readReply()
                }
                try await api.client.withConnection { connection in try await connection.write(request) }
            }

            await eventually("all four are over") { log.count(of: "request answered") == 4 }
            #expect(try await api.ledger.list(JobQuery()).jobs.isEmpty)
        }
    }

    @Test func `a head that comes byte by byte has one deadline as a whole`() async throws {
        try await APIFixture.run({ $0.idleTimeout = .milliseconds(500) }) { api in
            let head = Array(
                "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: \(String(repeating: "x", count: 1000))".utf8)
            let start = ContinuousClock.now
            let isClosed = try await api.client.withConnection { connection in
                try await connection.drip(head, every: .milliseconds(50))
                return try await connection.isClosedByServer()
            }
            #expect(isClosed)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test func `a body that drips is refused as one that does not come`() async throws {
        try await APIFixture.run({ $0.bodyDeadline = .milliseconds(500) }) { api in
            try await api.client.withConnection { connection in
                try await connection.write(
                    api.client.request("POST", "/v1/jobs", Self.json + [("Content-Length", "1000")], nil))
                try await connection.drip([UInt8](repeating: 0x20, count: 1000), every: .milliseconds(50))

                let reply = try await connection.readReply()

                #expect(reply.status == 408)
                #expect(try await connection.isClosedByServer())
            }
        }
    }

    @Test func `trailers that drip are cut off like a body`() async throws {
        try await APIFixture.run({ $0.bodyDeadline = .milliseconds(500) }) { api in
            let isClosed = try await api.client.withConnection { connection in
                let headers = Self.json + [("Transfer-Encoding", "chunked")]
                try await connection.write(
                    api.client.request("POST", "/v1/jobs", headers, Self.chunk(Self.job) + Array("0\r\nX-".utf8)))
                try await connection.drip([UInt8](repeating: 0x78, count: 1000), every: .milliseconds(50))
                return try await connection.isClosedByServer()
            }
            #expect(isClosed)
            #expect(try await api.ledger.list(JobQuery()).jobs.isEmpty)
        }
    }

    @Test func `connections beyond the limit wait until one is free`() async throws {
        try await APIFixture.run({ $0.connectionsMax = 2 }) { api in
            let request = api.client.request("GET", "/livez", [], nil)
            try await api.client.withConnection { first in
                try await first.write(request)
                #expect(try await first.readReply().status == 200)
                let answered = Box(false)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    try await api.client.withConnection { second in
                        try await second.write(request)
                        #expect(try await second.readReply().status == 200)
                        group.addTask {
                            let third = try await api.client.send("GET", "/livez")
                            #expect(third.status == 200)
                            answered.value = true
                        }
                        await lastingly(for: .milliseconds(500), "a third is not answered") { !answered.value }
                    }
                    try await group.waitForAll()
                    #expect(answered.value)
                }
            }
        }
    }

    @Test func `a body that does not come in time is refused`() async throws {
        try await APIFixture.run({ $0.bodyDeadline = .milliseconds(200) }) { api in
            try await api.client.withConnection { connection in
                try await connection.write(
                    api.client.request("POST", "/v1/jobs", Self.json + [("Content-Length", "100")], nil) + [0x7B])

                let reply = try await connection.readReply()

                #expect(reply.status == 408)
                #expect(reply.json?["type"]?.string == "/problems/too-slow")
                #expect(try await connection.isClosedByServer())
            }
        }
    }

    @Test func `a connection that says nothing, or half a head, is closed`() async throws {
        try await APIFixture.run({ $0.idleTimeout = .milliseconds(200) }) { api in
            for bytes in ["", "GET /livez HTTP/1.1\r\nHost: "] {
                try await api.client.withConnection { connection in
                    try await connection.write(Array(bytes.utf8))

                    #expect(try await connection.isClosedByServer())
                }
            }
        }
    }

    @Test func `a client that does not take its answers is cut off`() async throws {
        try await APIFixture.run({ $0.answerDeadline = .milliseconds(300) }) { api in
            let id = try await api.submit(payload: "\"" + String(repeating: "x", count: 250_000) + "\"")
            try await api.client.withConnection { connection in
                let request = api.client.request("GET", "/v1/jobs/\(id)", [], nil)
                // More than the kernel's buffers of both sides take.
                for _ in 0..<100 { try await connection.write(request) }

                let start = ContinuousClock.now
                await eventually("the deadline is well past") { ContinuousClock.now - start > .seconds(1) }

                #expect(try await connection.isClosedByServer())
            }
        }
    }

    @Test(arguments: ["close", "Close"])
    func `a client that says that it closes is closed`(_ word: String) async throws {
        try await APIFixture.run { api in
            try await api.client.withConnection { connection in
                try await connection.write(api.client.request("GET", "/livez", [("Connection", word)], nil))
                #expect(try await connection.readReply().status == 200)
                #expect(try await connection.isClosedByServer())
            }
        }
    }

    @Test func `bodies of all requests together are bounded`() async throws {
        try await APIFixture.run({ $0.bodyBytesMax = 100 }) { api in
            #expect(try await api.client.send("POST", "/v1/jobs", Self.json, Self.job).status == 202)

            let padded = Self.job + [UInt8](repeating: 0x20, count: 100)
            let reply = try await api.client.send("POST", "/v1/jobs", Self.json, padded)

            #expect(reply.status == 503)
            #expect(reply.json?["type"]?.string == "/problems/overloaded")
            #expect(try await api.client.send("POST", "/v1/jobs", Self.json, Self.job).status == 202)
        }
    }

    @Test func `a request's id is echoed when it is fit, else made`() async throws {
        try await APIFixture.run { api in
            #expect(
                try await api.client.send("GET", "/livez", [("X-Request-Id", "a-1")]).headers["x-request-id"] == "a-1")
            for unfit in ["a b", String(repeating: "x", count: 129), "é"] {
                let reply = try await api.client.send("GET", "/livez", [("X-Request-Id", unfit)])
                #expect(reply.headers["x-request-id"]?.count == 16)
            }
        }
    }

    @Test func `a page of this server and an allowed name are let in`() async throws {
        try await APIFixture.run({ $0.hostNames = ["Mill.internal"] }) { api in
            let own = "http://127.0.0.1:\(api.client.port)"
            let allowed: [[(String, String)]] = [
                [("Origin", own), ("Sec-Fetch-Site", "same-origin")], [("Host", "mill.internal:8080")],
                [("Host", "localhost")], [("Host", "[::1]:80")], [("Host", "127.9.9.9")],
            ]
            for headers in allowed {
                let reply = try await api.client.send("GET", "/livez", headers)

                #expect(reply.status == 200, "\(headers)")
            }
        }
    }

    @Test func `an address that others can reach wants TLS, or leave to do without`() async throws {
        try await APIFixture.run({
            $0.host = "0.0.0.0"
            $0.allowsPlaintext = true
        }) { api in
            // Whatever it is called by there.
            let reply = try await api.client.send("GET", "/v1/queues", [("Host", "mill.example.com")])
            #expect(reply.status == 200)
        }
        for host in ["0.0.0.0", "10.1.2.3", "example.com"] {
            await #expect {
                try await APIFixture.run({ $0.host = host }) { _ in }
            } throws: { error in
                (error as? APIError)?.code == .addressRefused && "\(error)".contains(host)
            }
        }
    }

    @Test func `a certificate that is none ends the server with its name`() async throws {
        await #expect {
            try await APIFixture.run({
                $0.tls = APIServer.TLSFiles(certificatePath: "/nowhere/server.pem", keyPath: "/nowhere/server.key")
            }) { _ in }
        } throws: { error in
            (error as? APIError)?.code == .certificateRefused && "\(error)".contains("/nowhere/server.pem")
        }
    }

    @Test func `a port that is taken is told`() async throws {
        try await APIFixture.run { api in
            await #expect {
                try await APIFixture.run({ $0.port = api.client.port }) { _ in }
            } throws: { error in
                let message = "127.0.0.1:\(api.client.port): Address already in use"
                return (error as? APIError)?.code == .portTaken && (error as? APIError)?.message == message
            }
        }
    }
}

extension HTTPClient.Connection {
    /// Writes bytes one by one, until the server takes no more.
    fileprivate func drip(_ bytes: [UInt8], every interval: Duration) async throws {
        for byte in bytes {
            do { try await write([byte]) } catch { return }
            let start = ContinuousClock.now
            await eventually("it is time for the next byte") { .now - start > interval }
        }
    }
}
