// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceAPI
import MillraceTesting
import ServiceLifecycle
import Testing

struct Greet: Job {
    static let kind: JobKind = "hello.greet"
    var name: String
    var count: Int?
    struct Output: Codable, Sendable { var greeting: String }
}

struct Resize: Job {
    static let kind: JobKind = "photos.resize"
    static let defaults = JobOptions(queue: "photos", priority: .low, maxAttempts: 3, timeout: .seconds(90))
    var width: Int
}

/// A server with stores in memory, on a port of its own.
struct APIFixture: Sendable {
    /// A kind that takes any JSON.
    static let anyKind: JobKind = "test.any"

    let ledger: MemoryLedger
    let broker: MemoryBroker
    /// With a key that may do everything.
    let client: HTTPClient

    static var catalog: JobCatalog {
        var handlers = JobHandlers()
        handlers.register(Greet.self) { job, _ in Greet.Output(greeting: "Hello, \(job.name)") }
        handlers.register(Resize.self) { _, _ in NoOutput() }
        handlers.registerRaw(anyKind) { payload, _ in payload }
        return handlers.catalog
    }

    /// - Parameters:
    ///   - change: of the configuration that tests use: pools `mail` (2) and `photos` (4), and the ledger polled every 50 ms.
    ///   - wrapLedger: what the server gets in the ledger's place.
    static func run(
        _ change: (inout APIServer.Configuration) -> Void = { _ in },
        wrapLedger: (MemoryLedger) -> any JobLedger = { $0 },
        wrapBroker: (MemoryBroker) -> any JobBroker = { $0 }, routes: [Route] = [],
        sessions: (any Authenticator)? = nil, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ test: (APIFixture) async throws -> Void
    ) async throws {
        let (ledger, broker) = (MemoryLedger(), MemoryBroker())
        let key = try await ledger.makeKey([.admin])
        var configuration = APIServer.Configuration(port: 0)
        configuration.pools = [
            APIServer.Pool(name: "mail", fileCount: 2), APIServer.Pool(name: "photos", fileCount: 4),
        ]
        configuration.waitPollInterval = .milliseconds(50)
        change(&configuration)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = APIServer(
            configuration: configuration, ledger: wrapLedger(ledger), broker: wrapBroker(broker), catalog: catalog,
            routes: routes, sessions: sessions, logger: logger, onListening: { port.yield($0) })
        let services = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { port.finish() }
                try await services.run()
            }
            if let port = await ports.first(where: { _ in true }) {
                let host = configuration.host == "localhost" ? "127.0.0.1" : configuration.host
                let fixture = APIFixture(
                    ledger: ledger, broker: broker, client: HTTPClient(host: host, port: port, key: key))
                // A test that takes the ledger away does not mean the server that has never seen a key.
                await eventually("the keys are read") { ledger.calls(of: .apiKeys) > 0 }
                do {
                    try await test(fixture)
                } catch {
                    await services.triggerGracefulShutdown()
                    throw error
                }
                await services.triggerGracefulShutdown()
            }
            try await group.waitForAll()
        }
    }

    /// A client with a key of its own; nil for none.
    func client(_ key: String?) -> HTTPClient {
        HTTPClient(host: client.host, port: client.port, key: key)
    }

    /// A client whose key allows this.
    func client(_ scopes: Set<APIScope>, for queues: Set<QueueName>? = nil) async throws -> HTTPClient {
        client(try await ledger.makeKey(scopes, for: queues))
    }

    /// Submits a job that takes any payload; returns its id.
    func submit(payload: String = "{}", _ more: String = "") async throws -> JobID {
        let reply = try await client.send(json: #"{"kind":"test.any","payload":\#(payload)\#(more)}"#)
        return try #require(reply.json?["id"]?.string.flatMap { JobID($0) }, "\(reply.text)")
    }

    /// Claims a job as a worker does.
    @discardableResult
    func start(_ id: JobID, in queue: QueueName = .default) async throws -> Claim {
        let token = LeaseToken(
            reservedAtMicroseconds: UInt64(Timestamp.now().unixMilliseconds) * 1000, process: Self.process,
            lane: .normal)
        let verdicts = try await ledger.claim(
            [ClaimRequest(lease: Lease(id: id, queue: queue, token: token))], process: Self.process)
        guard case .run(let claim)? = verdicts.first else { throw FixtureError.notRun }
        return claim
    }

    /// Runs a job to its end as a worker does.
    func finish(
        _ id: JobID, _ ending: Outcome.Ending = .completed(Array(#"{"ok":true}"#.utf8)), in queue: QueueName = .default,
        isAnnounced: Bool = true
    ) async throws {
        let claim = try await start(id, in: queue)
        _ = try await ledger.record([Outcome(id: id, attempt: claim.attempt, ending: ending)])
        if isAnnounced { _ = try await broker.complete([], in: queue, announcing: [id]) }
    }

    private static let process = ProcessID(number: 7)
}

extension MemoryLedger {
    /// Adds a key; the whole of it.
    func makeKey(
        _ scopes: Set<APIScope>, for queues: Set<QueueName>? = nil, rate: Int? = nil, expiresAt: Timestamp? = nil
    ) async throws -> String {
        let token = APIKeyToken()
        try await addAPIKey(
            APIKey(
                id: token.id, name: "test", digest: token.digest, scopes: scopes, queues: queues,
                requestsPerSecond: rate, createdAt: .now(), expiresAt: expiresAt))
        return token.text
    }
}

enum FixtureError: Error {
    case notRun
}
