// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Testing

@Suite struct JobEnvelopeTests {
    private let envelope = JobEnvelope(
        kind: "a.b-c", createdAt: Timestamp(unixMilliseconds: 1_767_225_600_000), timeout: .milliseconds(1500),
        maxAttempts: 3, trace: "tr", payload: Array(#"{"n":1}"#.utf8))

    @Test func `the layout is fixed: jobs outlive the release that wrote them`() {
        #expect(
            Hexadecimal.digits(of: envelope.encoded())
                == "01bb2e47cc0000019b76daa800000000000000000000000000000005dc000305612e622d630274727b226e223a317d")
    }

    @Test func `envelopes survive their bytes`() throws {
        var envelopes = [envelope]
        envelopes.append(
            JobEnvelope(kind: "k", createdAt: Timestamp(unixMilliseconds: 0), payload: []))
        envelopes.append(
            JobEnvelope(
                kind: JobKind(stringLiteral: String(repeating: "k", count: Limits.nameBytesMax)),
                createdAt: Timestamp(unixMilliseconds: -1), expiresAt: Timestamp(unixMilliseconds: .max),
                timeout: Limits.timeoutMax, maxAttempts: Limits.maxAttemptsMax,
                trace: String(repeating: "t", count: 255),
                payload: [UInt8](repeating: 0xFF, count: Limits.payloadBytesMax)))

        envelopes += entrusted

        for envelope in envelopes { #expect(try JobEnvelope(decoding: envelope.encoded()) == envelope) }
    }

    private func freshID() -> JobID {
        var generator = SystemRandomNumberGenerator()
        return JobID(at: .now(), using: &generator)
    }

    /// Of durability `redis`.
    private var entrusted: [JobEnvelope] {
        let parts = [
            JobEnvelope.RowPart(priority: .critical, dueAt: nil, tags: []),
            JobEnvelope.RowPart(
                priority: .low, dueAt: Timestamp(unixMilliseconds: 1_767_225_600_001),
                tags: Array(repeating: String(repeating: "é", count: Limits.tagBytesMax / 2), count: Limits.tagsMax)),
        ]
        return parts.map { part in
            var envelope = envelope
            envelope.rowPart = part
            return envelope
        }
    }

    @Test func `the only copy of a job is all of it`() throws {
        let job = NewJob(
            id: freshID(), kind: "a.b", queue: "slow", priority: .high, payload: Array("[1.50]".utf8),
            dueAt: Timestamp(unixMilliseconds: 1_767_225_600_001),
            expiresAt: Timestamp(unixMilliseconds: 1_767_225_700_000),
            timeout: .seconds(9), maxAttempts: 4, tags: ["a", ""], trace: "tr", durability: .redis)

        let decoded = try JobEnvelope(decoding: JobEnvelope(of: job).encoded())

        #expect(decoded.job(id: job.id, queue: job.queue) == job)
        var recorded = job
        recorded.durability = .postgres
        #expect(JobEnvelope(of: recorded).job(id: job.id, queue: job.queue) == nil)
    }

    @Test func `an envelope is marked by its first reservation, once, and can still be read`() throws {
        for envelope in entrusted {
            var bytes = envelope.encoded()

            #expect(JobEnvelope.markReserved(&bytes))
            #expect(!JobEnvelope.markReserved(&bytes))

            #expect(try JobEnvelope(decoding: bytes) == envelope)
        }
        var bytes = envelope.encoded()
        #expect(!JobEnvelope.markReserved(&bytes))
        #expect(bytes == envelope.encoded())
    }

    @Test(arguments: 0..<4)
    func `a flipped bit is found wherever it is`(number: Int) {
        var marked = entrusted[0].encoded()
        _ = JobEnvelope.markReserved(&marked)
        let bytes = [envelope.encoded(), entrusted[0].encoded(), entrusted[1].encoded(), marked][number]
        for index in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                #expect(throws: EnvelopeError.self, "byte \(index), bit \(bit)") {
                    _ = try JobEnvelope(decoding: flipped)
                }
            }
        }
    }

    @Test func `a cut is found wherever it is`() {
        let bytes = envelope.encoded()
        for length in 0..<bytes.count {
            #expect(throws: EnvelopeError.self, "after \(length) bytes") {
                _ = try JobEnvelope(decoding: Array(bytes.prefix(length)))
            }
        }
    }

    @Test func `bytes of chance are an error`() {
        var generator = SplitMix64(seed: SplitMix64.seedFromEnvironment())
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...80, using: &generator)).map { index in
                index == 0 ? 1 : UInt8.random(in: 0...255, using: &generator)
            }
            #expect(throws: EnvelopeError.self) { _ = try JobEnvelope(decoding: bytes) }
        }
    }

    @Test func `an envelope of another format says so`() {
        var bytes = envelope.encoded()
        bytes[0] = 2

        let error = #expect(throws: EnvelopeError.self) { _ = try JobEnvelope(decoding: bytes) }

        #expect(error?.description.contains("format 2") == true)
    }

    @Test func `an envelope carries all of its job that is fixed`() {
        var generator = SplitMix64(seed: 1)
        let time = Timestamp(unixMilliseconds: 1_767_225_600_000)
        let job = NewJob(
            id: JobID(at: time, using: &generator), kind: "k", queue: "q", priority: .low, payload: [0x31],
            dueAt: time + .seconds(5), expiresAt: time + .seconds(9), timeout: .seconds(3), maxAttempts: 2, tags: ["t"],
            trace: "trace")

        #expect(
            JobEnvelope(of: job)
                == JobEnvelope(
                    kind: "k", createdAt: time, expiresAt: time + .seconds(9), timeout: .seconds(3), maxAttempts: 2,
                    trace: "trace", payload: [0x31]))
    }
}
