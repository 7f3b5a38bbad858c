// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import MillraceTesting
import Testing

@testable import MillraceCLI

@Suite("DiagnosticsJobs")
struct DiagnosticsJobsTests {
    private let handlers: JobHandlers

    init() {
        var handlers = JobHandlers()
        DiagnosticsJobs.register(in: &handlers)
        self.handlers = handlers
    }

    private func run(_ kind: JobKind, _ payload: String) async throws -> String {
        let handler = try #require(handlers.handler(for: kind))
        let logger = Logger(label: "test")
        let context = JobContext(
            id: try CommandFixture.id(1), kind: kind, queue: .default,
            claim: Claim(attempt: 1, failures: 0, maxAttempts: 20),
            deadline: .now + .seconds(10), logger: logger,
            submitter: JobSubmitter(ledger: MemoryLedger(), broker: MemoryBroker(), logger: logger))
        return String(decoding: try await handler.run(Array(payload.utf8), context), as: UTF8.self)
    }

    @Test(arguments: ["{}", "[]", "null", #"{"a":1.00, "a":2,  "n":123456789012345678901234567890, "s":"\u00e4"}"#])
    func `echo returns every byte`(payload: String) async throws {
        #expect(try await run("diagnostics.echo", payload) == payload)
    }

    @Test func `sleep ends with its cancellation`() async throws {
        // Awaited below.
        let task = Task { try await run("diagnostics.sleep", #"{"ms": 60000}"#) }

        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `spin takes its time`() async throws {
        let start = ContinuousClock.now

        #expect(try await run("diagnostics.spin", #"{"ms": 20}"#) == "{}")
        #expect(ContinuousClock.now - start >= .milliseconds(20))
    }

    @Test func `allocate takes memory and gives it back`() async throws {
        #expect(try await run("diagnostics.allocate", #"{"bytes": 1048576}"#) == "{}")
        #expect(try await run("diagnostics.allocate", #"{"bytes": 0, "ms": 1}"#) == "{}")
    }

    @Test func `fail fails as it is told`() async throws {
        await #expect(throws: DiagnosticsJobs.Failure.self) { try await run("diagnostics.fail", "{}") }
        await #expect(throws: JobSignal.permanent("no")) {
            try await run("diagnostics.fail", #"{"message": "no", "permanent": true}"#)
        }
    }

    @Test func `retry fails as often as it is told, and not once more`() async throws {
        await #expect(
            throws: JobSignal.retry(after: .milliseconds(7), reason: "diagnostics.retry was asked to fail 1 times")
        ) {
            try await run("diagnostics.retry", #"{"times": 1, "ms": 7}"#)
        }
        #expect(try await run("diagnostics.retry", #"{"times": 0, "ms": 7}"#) == "{}")
    }

    @Test(arguments: [#"{}"#, #"{"ms": -1}"#, #"{"ms": 86400001}"#, #"{"ms": "1"}"#])
    func `a duration out of range is refused at submission`(payload: String) throws {
        let definition = try #require(handlers.catalog.definition(of: "diagnostics.sleep"))

        #expect(throws: PayloadError.self) { try definition.checkPayload(Array(payload.utf8)) }
    }

    @Test func `a crash is a crash`() async {
        await #expect(processExitsWith: .failure) {
            let suite = DiagnosticsJobsTests()
            _ = try await suite.run("diagnostics.crash", "{}")
        }
    }

    @Test func `they are there only when the file says so`() {
        let context = CommandContext(
            parts: ApplicationParts(handlers: { _ in JobHandlers() }), environment: [:],
            console: .standard(environment: [:]),
            openStores: { (addresses, options, logger) throws(CommandError) in
                try Stores.open(addresses, options, nil, logger)
            })

        #expect(context.handlers(for: WorkersFile()).catalog.kinds == [])
        #expect(
            context.handlers(for: WorkersFile(diagnostics: true)).catalog.kinds
                == [
                    "diagnostics.allocate", "diagnostics.crash", "diagnostics.echo", "diagnostics.echo.redis",
                    "diagnostics.exit", "diagnostics.fail", "diagnostics.follow", "diagnostics.retry",
                    "diagnostics.sleep", "diagnostics.spin", "diagnostics.step",
                ])
    }
}
