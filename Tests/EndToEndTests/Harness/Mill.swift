// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// A whole Millrace on stores of its own, driven from outside: its processes by signals, its API by HTTP, its outcomes by SQL.
final class Mill: @unchecked Sendable {
    // Test code calls it from one task at a time.
    let stores: Stores
    // Below the range that the kernel hands out for outgoing connections, and beside that of the stores.
    let port = Int.random(in: 10_000..<20_000)
    private let configuration: URL
    private(set) var children: [Child] = []
    private let client: HTTPClient
    private(set) var environment: [String: String] = [:]
    /// A key of the API that may do everything; every request is sent with it.
    let key: String

    private init(
        on stores: Stores, configuration text: String, addresses: ((Stores) async throws -> [String: String])?
    ) async throws {
        self.stores = stores
        configuration = stores.folder.appending(path: "workers.yml")
        try Data(text.utf8).write(to: configuration)
        environment =
            if let addresses { try await addresses(stores) } else {
                ["REDIS_URL": try await stores.redisURL(), "DATABASE_URL": try await stores.databaseURL()]
            }
        environment["MILLRACE_LOG_LEVEL"] = ProcessInfo.processInfo.environment["MILLRACE_LOG_LEVEL"] ?? "info"
        try await run(
            [Repository.executable.path(), "migrate", "--config", configuration.path()], environment: environment)
        key = try await Self.createKey("--scope", "admin", environment: environment)
        // Last, as one that is not shut down stops the tests.
        var settings = HTTPClient.Configuration()
        // A request that waits for a connection would be timed as a slow answer.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        // Well below the server's 30 s: a request on a connection that is just being closed has no answer.
        settings.connectionPool.idleTimeout = .seconds(10)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// Makes a key by the command line; the whole of it.
    static func createKey(_ options: String..., environment: [String: String]) async throws -> String {
        let made = try await run(
            [Repository.executable.path(), "keys", "create", "tests", "-o", "json"] + options, environment: environment)
        return try #require(made.firstMatch(of: /"key":"(mr_[^"]+)"/).map { String($0.1) }, "\(made)")
    }

    /// Runs `body`, then ends every process and removes all files. When a test fails its processes' logs are printed.
    /// - Parameter addresses: prepares the stores, and says how Millrace is to reach them; nil = as their owner, unencrypted.
    static func with(
        configuration: String = "diagnostics: true\n", addresses: ((Stores) async throws -> [String: String])? = nil,
        _ body: (Mill) async throws -> Void
    ) async throws {
        let stores = try await Stores()
        let mill: Mill
        do {
            mill = try await Mill(on: stores, configuration: configuration, addresses: addresses)
        } catch {
            try await stores.remove()
            throw error
        }
        do {
            try await body(mill)
            try await mill.end()
        } catch {
            mill.printLogs()
            try await mill.end()
            throw error
        }
    }

    /// - Parameter isMillrace: false for a program that knows nothing of `--config`.
    @discardableResult
    func start(
        _ name: String, _ arguments: [String], executable: URL = Repository.executable,
        environment extra: [String: String] = [:], isMillrace: Bool = true
    ) throws -> Child {
        let child = try Child(
            name, executable, arguments + (isMillrace ? ["--config", configuration.path()] : []),
            environment: environment.merging(extra) { $1 }, logFolder: stores.folder)
        children.append(child)
        return child
    }

    @discardableResult
    func startWorker(concurrency: Int = 16, queues: String = "default") throws -> Child {
        try start("work", ["work", "--queues", queues, "--concurrency", "\(concurrency)"])
    }

    @discardableResult
    func startAPI() async throws -> Child {
        let child = try start("serve", ["serve", "--port", "\(port)"])
        try await expectReady()
        return child
    }

    func command(_ arguments: String..., executable: URL = Repository.executable) async throws -> String {
        try await run(
            [executable.path()] + arguments + ["--config", configuration.path()], environment: environment)
    }

    func expectReady() async throws {
        let isReady = await eventually(within: .seconds(30)) {
            (try? await self.request("GET", "/readyz").status) == 200
        }
        guard isReady else { throw Unready(logs: children.map { "\($0.name):\n\($0.log)" }.joined(separator: "\n")) }
    }

    struct Answer {
        let status: Int
        let body: Data
        let headers: [String: String]

        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body) as? [String: Any]) ?? [:] }
    }

    func request(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:], timeout: Double = 60
    ) async throws -> Answer {
        try await request(
            method, path, data: body.map { Data($0.utf8) }, type: "application/json", headers: headers, timeout: timeout
        )
    }

    /// - Parameter type: as `curl --data-binary` names it.
    func request(
        _ method: String, _ path: String, data: Data?, type: String = "application/x-www-form-urlencoded",
        headers: [String: String] = [:], timeout: Double = 60
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .init(rawValue: method)
        if let data { request.body = .bytes(ByteBuffer(bytes: data)) }
        request.headers.add(name: "Content-Type", value: type)
        request.headers.add(name: "Authorization", value: "Bearer \(key)")
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let answer = try await client.execute(request, timeout: .nanoseconds(Int64(timeout * 1e9)))
        let received = try await answer.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(answer.status.code), body: Data(received.readableBytesView),
            headers: Dictionary(answer.headers.map { ($0.name, $0.value) }) { first, _ in first })
    }

    /// Submits jobs of one kind in batches; the ids that were answered.
    ///
    /// - Parameter more: members of each besides.
    func submit(
        _ count: Int, kind: String, payload: (Int) -> String, more: String = "", batch: Int = 1000
    ) async throws -> [String] {
        var ids: [String] = []
        for start in stride(from: 0, to: count, by: batch) {
            let jobs = (start..<min(start + batch, count)).map {
                "{\"kind\":\"\(kind)\",\"payload\":\(payload($0))\(more)}"
            }
            let answer = try await request("POST", "/v1/jobs:batch", "[" + jobs.joined(separator: ",") + "]")
            guard answer.status == 202, let batchIDs = answer.json["ids"] as? [String] else {
                throw Refused(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
            }
            ids += batchIDs
        }
        return ids
    }

    func count(_ condition: String) async throws -> Int {
        let counts = try await stores.rows(
            "SELECT count(*) FROM millrace.jobs WHERE \(condition)", at: environment["DATABASE_URL"])
        return Int(counts.first ?? "") ?? -1
    }

    /// Waits until every job has ended.
    func expectAllEnded(within timeout: Duration) async throws -> Bool {
        try await eventually(within: timeout, every: .milliseconds(200)) {
            try await self.count("state NOT IN ('completed', 'cancelled', 'dead')") == 0
        }
    }

    /// The keys that still hold something of a job.
    func keysOfJobs() async throws -> [String] {
        let keys = try await stores.redis("KEYS", "mr:*").split(separator: "\n").map(String.init)
        return keys.filter {
            !$0.hasSuffix(":meta") && !$0.hasSuffix(":bell") && $0 != "mr:queues" && $0 != "mr:workers"
        }
    }

    func printLogs() {
        for child in children { print("--- \(child.name) \(child.pid)\n\(child.log.suffix(20_000))") }
    }

    private func end() async throws {
        for child in children { child.signal(SIGKILL) }
        try await client.shutdown()
        try await stores.remove()
    }

    struct Unready: Error { let logs: String }
    struct Refused: Error {
        let status: Int
        let body: String
    }
}
