// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillracePostgres

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Jobs of the kinds `diagnostics.*`, with which an operator tries out an installation, and tests try out Millrace.
///
/// They are there only with `diagnostics: true` in `workers.yml`: whoever may submit them may stop a worker.
enum DiagnosticsJobs {
    static func register(in handlers: inout JobHandlers) {
        handlers.registerRaw("diagnostics.echo") { payload, _ in payload }
        handlers.registerRaw("diagnostics.echo.redis", options: JobOptions(durability: .redis)) { payload, _ in payload
        }
        handlers.register(Sleep.self) { job, _ in
            try await Task.sleep(for: .milliseconds(job.ms.value))
            return NoOutput()
        }
        handlers.register(Spin.self) { job, _ in
            spin(for: .milliseconds(job.ms.value))
            return NoOutput()
        }
        handlers.register(Fail.self) { job, _ in
            let message = job.message ?? "diagnostics.fail was asked to fail"
            throw job.permanent == true ? JobSignal.permanent(message) : Failure(description: message)
        }
        handlers.register(Retry.self) { job, context in
            guard context.failures >= job.times else {
                throw JobSignal.retry(
                    after: .milliseconds(job.ms.value), reason: "diagnostics.retry was asked to fail \(job.times) times"
                )
            }
            return NoOutput()
        }
        handlers.register(Follow.self) { _, context in
            try await context.transaction { transaction in
                let echo = Followed(job: "\(context.id)", attempt: context.attempt)
                try transaction.enqueue(echo, EnqueueOptions(queue: context.queue))
                return echo
            }
        }
        handlers.register(Step.self) { job, context in
            let attempt = context.attempt
            return Stepped(first: try await context.step("first") { attempt })
        }
        handlers.register(Crash.self) { _, context in
            trap(at: context.attempt)
            return NoOutput()
        }
        handlers.register(Exit.self) { job, _ in
            exit(Int32(job.code))
        }
        handlers.register(Allocate.self) { job, _ in
            let memory = try HeldMemory(byteCount: job.bytes.value)
            try await Task.sleep(for: .milliseconds(job.ms?.value ?? 0))
            withExtendedLifetime(memory) {}
            return NoOutput()
        }
    }

    /// Waits, as a handler waits for the network; ends early when cancelled.
    struct Sleep: Job {
        static let kind: JobKind = "diagnostics.sleep"
        var ms: Milliseconds
    }

    /// Computes without ever suspending or looking whether it was cancelled: the worst neighbour that a handler can be.
    struct Spin: Job {
        static let kind: JobKind = "diagnostics.spin"
        var ms: Milliseconds
    }

    /// Fails every time; with `permanent` it is dead at once.
    struct Fail: Job {
        static let kind: JobKind = "diagnostics.fail"
        var message: String?
        var permanent: Bool?
    }

    /// Fails so many times, each time to be retried after so long, and completes then.
    struct Retry: Job {
        static let kind: JobKind = "diagnostics.retry"
        var times: Int
        var ms: Milliseconds
    }

    /// Commits its own completion and a job that follows it, a `diagnostics.echo` in the same queue, in one transaction.
    struct Follow: Job {
        static let kind: JobKind = "diagnostics.follow"
        typealias Output = Followed
    }

    struct Followed: Job {
        static let kind: JobKind = "diagnostics.echo"
        /// The job that this one follows, and the attempt that submitted it.
        var job: String
        var attempt: Int
    }

    /// Remembers, by a step, in which attempt it came so far for the first time.
    struct Step: Job {
        static let kind: JobKind = "diagnostics.step"
        typealias Output = Stepped
    }

    struct Stepped: Codable, Sendable, Equatable {
        var first: Int
    }

    /// Takes its process down by a trap, as an index out of range does.
    struct Crash: Job {
        static let kind: JobKind = "diagnostics.crash"
    }

    /// Ends its process, as a library does that calls `exit`.
    struct Exit: Job {
        static let kind: JobKind = "diagnostics.exit"
        var code: UInt8
    }

    /// Takes so much memory, writes to all of it, and holds it for a while, 0 ms by default.
    struct Allocate: Job {
        static let kind: JobKind = "diagnostics.allocate"
        var bytes: Bytes
        var ms: Milliseconds?
    }

    /// 0 bytes to 1 TiB.
    struct Bytes: Codable, Sendable, Equatable {
        static let range = 0...(1 << 40)
        let value: Int

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = try container.decode(Int.self)
            guard Self.range.contains(value) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "\(value) bytes, expected 0 to \(Self.range.upperBound)")
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }

    /// 0 ms to one day.
    struct Milliseconds: Codable, Sendable, Equatable {
        static let range: ClosedRange<Int64> = 0...86_400_000
        let value: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = try container.decode(Int64.self)
            guard Self.range.contains(value) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "\(value) ms, expected 0 to \(Self.range.upperBound)")
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static func spin(for duration: Duration) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {}
    }

    /// No attempt has that index, which the compiler cannot know.
    @inline(never)
    private static func trap(at attempt: Int) {
        let none: [Int] = []
        _ = none[attempt]
    }
}
