// SPDX-License-Identifier: Apache-2.0

import Millrace

/// Jobs of the kinds `diagnostics.*`, with which an operator tries out an installation, and tests try out Millrace.
///
/// They are there only with `diagnostics: true` in `workers.yml`: whoever may submit them may stop a worker.
enum DiagnosticsJobs {
    static func register(in handlers: inout JobHandlers) {
        handlers.registerRaw("diagnostics.echo") { payload, _ in payload }
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
        handlers.register(Crash.self) { _, context in
            trap(at: context.attempt)
            return NoOutput()
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

    /// Takes its process down by a trap, as an index out of range does.
    struct Crash: Job {
        static let kind: JobKind = "diagnostics.crash"
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
