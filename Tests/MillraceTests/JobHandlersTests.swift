// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Millrace
import MillraceTesting
import Testing

@Suite struct JobHandlersTests {
    private struct Greet: Job {
        static let kind: JobKind = "hello.greet"
        static let defaults = JobOptions(queue: "hello", priority: .high, maxAttempts: 5, timeout: .seconds(9))

        struct Address: Codable {
            var street: String
        }

        struct Item: Codable {
            enum CodingKeys: String, CodingKey {
                case count
                case odd = "a/b~c"
            }

            var count: Int
            var odd: Int?
        }

        struct Output: Codable, Sendable {
            var greeting: String
        }

        var name: String
        var address: Address?
        var items: [Item]?
    }

    private struct Quiet: Job {
        static let kind: JobKind = "quiet"
    }

    private struct Timed: Job {
        static let kind: JobKind = "timed"
        var due: Date
        struct Output: Codable, Sendable { var next: Date }
    }

    private func fault(in payload: String) -> PayloadError? {
        var catalog = JobCatalog()
        catalog.add(Greet.self)
        return #expect(throws: PayloadError.self) {
            try catalog.definition(of: Greet.kind)?.checkPayload(Array(payload.utf8))
        }
    }

    @Test func `a catalog knows the kinds that were added`() throws {
        var catalog = JobCatalog()
        catalog.add(Quiet.self)
        catalog.add(Greet.self)

        #expect(catalog.kinds == ["hello.greet", "quiet"])
        #expect(catalog.definition(of: "hello.greet")?.options.queue == "hello")
        #expect(catalog.definition(of: "quiet")?.options == JobOptions())
        #expect(catalog.definition(of: "other") == nil)
        try catalog.definition(of: Greet.kind)?.checkPayload(Array(#"{"name":"Ada","more":[]}"#.utf8))
    }

    @Test func `a payload that lacks a member says which`() {
        #expect(fault(in: "{}") == PayloadError(pointer: "/name", reason: #"the member "name" is missing"#))
        #expect(fault(in: #"{"name":"Ada","address":{}}"#)?.pointer == "/address/street")
        #expect(fault(in: #"{"name":"Ada","items":[{"count":1},{}]}"#)?.pointer == "/items/1/count")
    }

    @Test func `a payload of another type says where`() {
        #expect(fault(in: #"{"name":1}"#)?.pointer == "/name")
        #expect(fault(in: #"{"name":null}"#)?.pointer == "/name")
        #expect(fault(in: #"{"name":"Ada","items":[{"count":1},{"count":"x"}]}"#)?.pointer == "/items/1/count")
        #expect(fault(in: #"{"name":"Ada","items":[{"count":1,"a/b~c":"x"}]}"#)?.pointer == "/items/0/a~1b~0c")
        #expect(fault(in: "[]")?.pointer == "")
    }

    private struct Numbers: Job {
        static let kind: JobKind = "numbers"
        enum Size: String, Codable { case small, large }
        struct Part: Codable { var width: Int }
        var count: Int
        var weight: Double?
        var level: UInt8?
        var parts: [Part]?
        var size: Size?
        var isOn: Bool?
        var names: [String: String]?
        var due: Date?
    }

    @Test(arguments: [
        (#"{"count":2.5}"#, "/count", "expected a whole number, found 2.5"),
        (#"{"count":1e30}"#, "/count", "1e30 is outside of the range of its field"),
        (#"{"count":1,"level":300}"#, "/level", "300 is outside of the range of its field"),
        (
            #"{"weight":1.5,"count":1,"parts":[{"width":1},{"width":2.5,"a/b":7.5}]}"#, "/parts/1/width",
            "expected a whole number, found 2.5"
        ), (#"{"count":"x"}"#, "/count", #"expected a whole number, found "x""#),
        (#"{"count":null}"#, "/count", "expected a whole number, found null"),
        (#"{"count":1,"weight":"heavy"}"#, "/weight", #"expected a number, found "heavy""#),
        (#"{"count":1,"isOn":1}"#, "/isOn", "expected true or false, found 1"),
        (#"{"count":1,"parts":{"width":1}}"#, "/parts", "expected an array, found an object"),
        (#"{"count":1,"parts":[[1]]}"#, "/parts/0", "expected an object, found an array"),
        (#"{"count":1,"names":[]}"#, "/names", "expected an object, found an array"),
        (#"{"count":1,"size":"huge"}"#, "/size", #""huge" is none of the values that it can have"#),
        (#"{"count":1,"due":"tomorrow"}"#, "/due", "expected a time such as 2026-05-04T03:02:01Z (RFC 3339)"),
        ("[]", "", "expected an object, found an array"),
    ])
    func `what is wrong is said in JSON's words, and where`(payload: String, pointer: String, reason: String) {
        var catalog = JobCatalog()
        catalog.add(Numbers.self)

        let error = #expect(throws: PayloadError.self) {
            try catalog.definition(of: Numbers.kind)?.checkPayload(Array(payload.utf8))
        }

        #expect(error == PayloadError(pointer: pointer, reason: reason))
    }

    @Test(arguments: ["", "{", "nil", #"{"name":"Ada"} x"#])
    func `a payload that is no JSON is at fault as a whole`(_ payload: String) {
        let error = fault(in: payload)

        #expect(error?.pointer == "")
        #expect(error?.reason.isEmpty == false)
    }

    @Test func `a handler runs from JSON to JSON`() async throws {
        var handlers = JobHandlers()
        handlers.register(Greet.self) { job, context in
            Greet.Output(greeting: "Hello, \(job.name), attempt \(context.attempt)")
        }
        handlers.register(Quiet.self) { _, _ in NoOutput() }

        let greeting = try await handlers.handler(for: Greet.kind)?.run(
            Array(#"{"name":"Ada"}"#.utf8), context(attempt: 2))
        let nothing = try await handlers.handler(for: Quiet.kind)?.run(Array("{}".utf8), context())

        #expect(greeting == Array(#"{"greeting":"Hello, Ada, attempt 2"}"#.utf8))
        #expect(nothing == Array("{}".utf8))
        #expect(handlers.handler(for: "other") == nil)
        #expect(handlers.catalog.kinds == [Greet.kind, Quiet.kind])
    }

    @Test func `a raw handler sees the very bytes`() async throws {
        var handlers = JobHandlers()
        handlers.registerRaw("raw") { payload, _ in Array(payload.reversed()) }

        let answer = try await handlers.handler(for: "raw")?.run([1, 2, 3], context())

        #expect(answer == [3, 2, 1])
    }

    @Test func `a handler whose payload cannot be read throws, and does not run`() async {
        var handlers = JobHandlers()
        handlers.register(Greet.self) { _, _ in
            Issue.record("it ran")
            return Greet.Output(greeting: "")
        }

        await #expect(throws: PayloadError.self) {
            try await handlers.handler(for: Greet.kind)?.run(Array("{}".utf8), context())
        }
    }

    @Test(arguments: ["2026-12-24T12:00:00Z", "2026-12-24T12:00:00.250Z", "2026-12-24T13:00:00+01:00"])
    func `times in payloads and results are RFC 3339`(text: String) async throws {
        var handlers = JobHandlers()
        handlers.register(Timed.self) { job, _ in Timed.Output(next: job.due.addingTimeInterval(0.5)) }

        let result = try await handlers.handler(for: Timed.kind)?.run(Array(#"{"due":"\#(text)"}"#.utf8), context())

        let fraction = text.contains(".") ? "750" : "500"
        #expect(String(decoding: result ?? [], as: UTF8.self) == #"{"next":"2026-12-24T12:00:00.\#(fraction)Z"}"#)
        await #expect(throws: PayloadError.self) {
            try await handlers.handler(for: Timed.kind)?.run(Array(#"{"due":812345678}"#.utf8), context())
        }
    }

    @Test func `a run knows whether it is the last that may fail`() {
        #expect(!context(failures: 0, maxAttempts: 2).isLast)
        #expect(context(failures: 1, maxAttempts: 2).isLast)
    }

    private func context(attempt: Int = 1, failures: Int = 0, maxAttempts: Int = 20) -> JobContext {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let submitter = JobSubmitter(ledger: MemoryLedger(), broker: MemoryBroker(), logger: logger)
        var generator = SplitMix64(seed: 1)
        return JobContext(
            id: JobID(at: .now(), using: &generator), kind: Greet.kind, queue: "hello",
            claim: Claim(attempt: attempt, failures: failures, maxAttempts: maxAttempts), deadline: .now + .seconds(60),
            logger: logger, submitter: submitter)
    }
}
