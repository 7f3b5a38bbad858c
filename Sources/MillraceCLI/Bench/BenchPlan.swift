// SPDX-License-Identifier: Apache-2.0

import Millrace

/// What a measurement consists of.
struct BenchPlan: Sendable {
    static let jobsRange = 100...1_000_000
    static let batchRange = 1...Limits.storeBatchMax
    /// At least the quotes of a JSON string.
    static let payloadRange = 2...Limits.payloadBytesMax
    static let runsRange = 1...99
    /// All jobs of a run lie in Redis at one time.
    static let bytesMax = 1 << 30

    /// In one run.
    var jobs = 20_000
    /// Jobs in one call.
    var batch = 100
    var payloadBytes = 150
    var runs = 5

    /// Redis's memory for one run, roughly.
    var redisBytes: Int { jobs * (payloadBytes + 200) }

    /// A JSON string of that many bytes.
    var payload: [UInt8] {
        let quote = [UInt8(ascii: "\"")]
        return quote + [UInt8](repeating: UInt8(ascii: "x"), count: payloadBytes - 2) + quote
    }

    var batches: [Range<Int>] {
        stride(from: 0, to: jobs, by: batch).map { $0..<min($0 + batch, jobs) }
    }
}

/// A queue that nobody else knows: no pool takes from it.
///
/// Its name says when it was made: `bench-`, then 12 hexadecimal digits of Unix ms and 4 of chance.
struct BenchQueue: Sendable, Equatable {
    static let kind: JobKind = "bench.echo"
    private static let prefix = "bench-"

    let name: QueueName
    let madeAt: Timestamp

    init(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
        let chance = UInt64.random(in: 0...0xFFFF, using: &generator)
        let number = ProcessID(number: UInt64(bitPattern: now.unixMilliseconds) << 16 | chance)
        guard let name = QueueName("\(Self.prefix)\(number)") else {
            preconditionFailure("a queue's name of legal characters")
        }
        self.name = name
        madeAt = now
    }

    /// nil for a name that no measurement gave.
    init?(_ name: QueueName) {
        guard name.name.hasPrefix(Self.prefix), let number = ProcessID(String(name.name.dropFirst(Self.prefix.count)))
        else { return nil }
        self.name = name
        madeAt = Timestamp(unixMilliseconds: Int64(number.number >> 16))
    }

    func jobs(_ count: Int, _ plan: BenchPlan) -> [NewJob] {
        var generator = SystemRandomNumberGenerator()
        let (now, payload) = (Timestamp.now(), plan.payload)
        return (0..<count).map { _ in
            NewJob(id: JobID(at: now, using: &generator), kind: Self.kind, queue: name, payload: payload)
        }
    }
}
