// SPDX-License-Identifier: Apache-2.0

/// The kinds of jobs that a worker can run.
///
/// ```swift
/// var handlers = JobHandlers()
/// handlers.register(Greet.self) { job, context in
///     Greet.Output(greeting: "Hello, \(job.name)")
/// }
/// ```
public struct JobHandlers: Sendable {
    /// The same kinds without their handlers.
    public private(set) var catalog = JobCatalog()
    private var handlers: [JobKind: JobHandler] = [:]

    public init() {}

    /// Says what runs a kind of job.
    ///
    /// The handler runs on the cooperative pool, or on a thread of its own where the kind's options say `isBlocking`. It is
    /// cancelled at its time-out, at an operator's cancellation and when its lease is lost; it should end then. It may run more than
    /// once for one job, seldom even at the same time, so effects outside must carry the job's id as their idempotency key.
    ///
    /// A job that declares no `Output` ends with `return NoOutput()`.
    /// - Precondition: no other handler of the same kind was registered.
    public mutating func register<J: Job>(
        _ type: J.Type, _ run: @escaping @Sendable (J, JobContext) async throws -> J.Output
    ) {
        catalog.add(type)
        handlers[J.kind] = JobHandler(options: J.defaults) { payload, context in
            let job = try J.decoded(from: payload)
            let output = try await run(job, context)
            return try encodedJSON(output)
        }
    }

    /// Whether threads for blocking work are needed.
    package var hasBlockingHandlers: Bool { handlers.values.contains { $0.options.isBlocking } }

    /// Says what runs a kind of job that takes any JSON and answers with JSON, as bytes: no number loses a digit on the way.
    package mutating func registerRaw(
        _ kind: JobKind, options: JobOptions = JobOptions(),
        _ run: @escaping @Sendable ([UInt8], JobContext) async throws -> [UInt8]
    ) {
        let definition = JobDefinition(rawKind: kind, options: options)
        catalog.add(definition)
        handlers[kind] = JobHandler(options: definition.options, run: run)
    }

    /// nil for a kind that this worker does not know.
    package func handler(for kind: JobKind) -> JobHandler? {
        handlers[kind]
    }
}

/// A handler with its types forgotten: from JSON to JSON.
package struct JobHandler: Sendable {
    package let options: JobOptions
    package let run: @Sendable ([UInt8], JobContext) async throws -> [UInt8]
}
