// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Millrace
import MillraceAPI
import MillraceTesting
import NIOCore
import Testing

@Suite("Application's routes") struct ApplicationRouteTests {
    private static let json = [("Content-Type", "application/json")]

    /// Routes as an application brings them.
    private static let routes = [
        Route(.get, "/v1/songs/{id}", .scope(.read)) { (request) throws(Problem) in
            _ = try request.query()
            let song = Array("song \(request.pathParameters["id"] ?? "")".utf8)
            var answer = Answer(
                body: .pieces(length: song.count) { ByteBuffer(bytes: song[$0..<min(song.count, $0 + 3)]) },
                contentType: "audio/none")
            answer.headers[.cacheControl] = "public, immutable"
            return answer
        },
        Route(.delete, "/v1/songs/{id}", .scope(.operate)) { _ throws(Problem) in Answer(status: .noContent) },
        Route(.get, "/v1/broken", .scope(.read)) { _ throws(Problem) in
            Answer(
                body: .pieces(length: 10) { _ in ByteBuffer(string: "12345") }.brokenOff(after: 5), contentType: "a/b")
        },
        Route(.get, "/v1/me", .user) { (request) throws(Problem) in
            guard case .user(let id) = request.caller else { throw Problem(.internalError, "no user") }
            return Answer { $0.member("user", id) }
        },
        Route(.get, "/v1/same", .scope(.read)) { _ throws(Problem) in Answer(status: .notModified) },
        Route(.post, "/v1/songs", .scope(.submit, .queue("songs"))) { (request) throws(Problem) in
            let count = try await request.body.eachPiece(upTo: 3_000_000) { piece throws(Problem) in
                if piece.readableBytesView.first == UInt8(ascii: "!") {
                    throw Problem(.unsupportedMediaType, "no song")
                }
            }
            return Answer(status: .created) { $0.member("bytes", count) }
        },
    ]

    @Test func `an answer keeps its caching, and gets an id and the rest`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            let reply = try await api.client.send("GET", "/v1/songs/7", [("X-Request-Id", "r-1")])

            #expect(reply.status == 200)
            #expect(reply.text == "song 7")
            #expect(reply.headers["cache-control"] == "public, immutable")
            #expect(reply.headers["x-content-type-options"] == "nosniff")
            #expect(reply.headers["x-request-id"] == "r-1")
            #expect(reply.headers["content-type"] == "audio/none")
            #expect(try await api.client.send("GET", "/livez").headers["cache-control"] == "no-store")
        }
    }

    /// As an application tells its users.
    private struct Sessions: Authenticator {
        func caller(bearing token: String) async throws(Problem) -> Caller? {
            if token == "away" { throw .away("sessions cannot be read") }
            return token == "session-of-ada" ? .user("ada") : nil
        }
    }

    @Test func `a user gets at the routes for users alone, and a key at those for keys`() async throws {
        try await APIFixture.run(routes: Self.routes, sessions: Sessions()) { api in
            let user = api.client("session-of-ada")

            let own = try await user.send("GET", "/v1/me")
            #expect(own.status == 200 && own.json?["user"]?.string == "ada")
            for path in ["/v1/songs/7", "/v1/jobs", "/v1/pools"] {
                #expect(try await user.send("GET", path).status == 401, "\(path)")
                // Nobody is asked for users where users have no business.
                #expect(try await api.client("away").send("GET", path).status == 401, "\(path)")
            }
            #expect(try await api.client.send("GET", "/v1/me").status == 403)
            #expect(try await api.client("session-of-bob").send("GET", "/v1/me").status == 401)
            #expect(try await api.client(nil).send("GET", "/v1/me").status == 401)
            #expect(try await api.client("away").send("GET", "/v1/me").status == 503)
        }
    }

    @Test func `where there are no users nobody is one`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            let reply = try await api.client("session-of-ada").send("GET", "/v1/me")
            #expect(reply.status == 401)
        }
    }

    @Test func `a route for one queue wants a key for it`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            for (queue, status) in [("songs", 201), ("photos", 403)] as [(QueueName, Int)] {
                let client = try await api.client([.submit], for: [queue])
                #expect(try await client.send("POST", "/v1/songs", [], Array("la".utf8)).status == status)
            }
        }
    }

    @Test func `HEAD has the headers alone`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            try await api.client.withConnection { connection in
                try await connection.write(api.client.request("HEAD", "/v1/songs/7", [], nil))
                let head = try await connection.readReply(isHead: true)
                #expect(head.status == 200)
                #expect(head.headers["content-length"] == "6")
                try await connection.write(api.client.request("GET", "/v1/songs/7", [], nil))
                #expect(try await connection.readReply().text == "song 7")
            }
        }
    }

    @Test(arguments: [("DELETE", "/v1/songs/7", 204), ("GET", "/v1/same", 304)])
    func `a status without a body says no length`(method: String, path: String, status: Int) async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            try await api.client.withConnection { connection in
                try await connection.write(api.client.request(method, path, [], nil))
                let reply = try await connection.readReply()
                #expect(reply.status == status)
                #expect(reply.headers["content-length"] == nil && reply.headers["transfer-encoding"] == nil)
                try await connection.write(api.client.request("GET", "/livez", [], nil))
                #expect(try await connection.readReply().status == 200)
            }
        }
    }

    @Test func `other methods are told what there is, and foreign pages are kept out`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            let put = try await api.client.send("PUT", "/v1/songs/7")
            #expect(put.status == 405)
            #expect(put.headers["allow"] == "GET, HEAD, DELETE")
            #expect(try await api.client.send("GET", "/v1/songs/7?loud=1").status == 422)
            #expect(try await api.client.send("GET", "/v1/songs/7", [("Origin", "http://evil.example")]).status == 403)
            #expect(try await api.client.send("GET", "/v1/song").status == 404)
        }
    }

    @Test func `a body that breaks off breaks the connection`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            await #expect(throws: (any Error).self) { try await api.client.send("GET", "/v1/broken") }
        }
    }

    @Test func `a client that asks whether to go on with an upload is told`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            let body = [UInt8](repeating: 0x20, count: 2_000_000)
            try await api.client.withConnection { connection in
                let headers = [("Expect", "100-continue"), ("Content-Length", "\(body.count)")]
                try await connection.write(api.client.request("POST", "/v1/songs", headers, nil))
                try await connection.write(body)
                let reply = try await connection.readReply()
                #expect(reply.informational == [100])
                #expect(reply.status == 201)
                #expect(reply.json?["bytes"]?.int == body.count)
            }
            let reply = try await api.client.send(
                "POST", "/v1/songs", [("Expect", "100-continue"), ("Content-Length", "3000001")])
            #expect(reply.informational.isEmpty)
            #expect(reply.status == 413)
            #expect(reply.headers["connection"] == "close")
        }
    }

    @Test func `an upload that is refused on its way closes the connection`() async throws {
        try await APIFixture.run(routes: Self.routes) { api in
            let reply = try await api.client.send(
                "POST", "/v1/songs", [("Content-Length", "1000000")], Array("!la".utf8))

            #expect(reply.status == 415)
            #expect(reply.headers["connection"] == "close")
        }
    }

    @Test func `an upload may take longer than other bodies while it keeps coming`() async throws {
        let change: (inout APIServer.Configuration) -> Void = {
            $0.bodyDeadline = .milliseconds(500)
            $0.bodyRateMin = 1000
        }
        try await APIFixture.run(change, routes: Self.routes) { api in
            let piece = [UInt8](repeating: 0x20, count: 500)
            try await api.client.withConnection { connection in
                try await connection.write(
                    api.client.request("POST", "/v1/songs", [("Content-Length", "5000")], nil))
                let start = ContinuousClock.now
                for number in 1...10 {
                    await eventually("it is time for the next piece") {
                        ContinuousClock.now - start > .milliseconds(150) * number
                    }
                    try await connection.write(piece)
                }
                #expect(try await connection.readReply().status == 201)
            }
            try await api.client.withConnection { connection in
                try await connection.write(
                    api.client.request("POST", "/v1/songs", [("Content-Length", "5000")], piece))
                #expect(try await connection.readReply().status == 408)
                #expect(try await connection.isClosedByServer())
            }
        }
    }
}

extension Answer.Body {
    /// As a file that turns out shorter than it was.
    fileprivate func brokenOff(after limit: Int) -> Answer.Body {
        guard case .pieces(let length, let next) = self else { return self }
        return .pieces(length: length) { $0 < limit ? try await next($0) : ByteBuffer() }
    }
}
