// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A backlog that Redis has no room for.
@Suite("Spill", .serialized) struct SpillTests {
    private static let memoryMax = 64 << 20
    /// 100 MiB of payloads. Set to 500000 for a long run.
    private static let jobs = ProcessInfo.processInfo.environment["MILLRACE_SPILL_JOBS"].flatMap { Int($0) } ?? 25_000

    @Test(.timeLimit(.minutes(10)))
    func `a backlog larger than Redis's memory is taken without an error, and drains to nothing`() async throws {
        try await Mill.with { mill in
            _ = try await mill.stores.redis("CONFIG", "SET", "maxmemory", "\(Self.memoryMax)")
            try await mill.startAPI()
            let padding = String(repeating: "x", count: 4096)

            let ids = try await mill.submit(
                Self.jobs, kind: "diagnostics.sleep", payload: { _ in #"{"ms":0,"pad":"\#(padding)"}"# })
            let failing = try await mill.submit(
                20, kind: "diagnostics.fail", payload: { _ in #"{"permanent":true}"# })
            let spilled = try await mill.unpushed(in: "default")
            #expect(spilled > Self.jobs / 3 && spilled < Self.jobs * 4 / 5, "\(spilled) are kept back")
            let top = try await run(
                [Repository.executable.path(), "top", "--once", "--output", "jsonl"], environment: mill.environment)
            // No more than that are counted.
            #expect(
                top.contains(#""unpushed":\#(min(spilled, 100_000)),"unpushed_exact":\#(spilled <= 100_000)"#), "\(top)"
            )
            try mill.startWorker(concurrency: 64, queues: "default")
            try mill.startWorker(concurrency: 4, queues: "other")
            let critical = try await mill.request(
                "POST", "/v1/jobs?wait=20s",
                #"{"kind":"diagnostics.echo","payload":{},"queue":"other","priority":"critical"}"#)
            #expect(critical.status == 200, "a full Redis holds up another queue")

            #expect(try await mill.expectAllEnded(within: .seconds(480)))

            #expect(try await mill.count("state = 'completed' AND attempt = 1") == ids.count + 1)
            #expect(try await mill.count("state = 'dead' AND attempt = 1") == failing.count)
            #expect(try await mill.peakMemory() <= Self.memoryMax)
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
            let log = mill.children.map(\.log).joined()
            #expect(log.contains("above its high-water mark"))
            #expect(log.contains("has room again"))
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `a rebuild after a restart of Redis does not read all that waits behind it`() async throws {
        try await Mill.with { mill in
            let jobs = max(Self.jobs, 10_000) * 2 / 5
            let memoryMax = "\(Self.memoryMax / 4)"
            _ = try await mill.stores.redis("CONFIG", "SET", "maxmemory", memoryMax)
            try await mill.startAPI()
            let padding = String(repeating: "x", count: 4096)
            let ids = try await mill.submit(
                jobs, kind: "diagnostics.sleep", payload: { _ in #"{"ms":0,"pad":"\#(padding)"}"# })
            let worker = try mill.startWorker(concurrency: 64)
            let isUnderWay = try await eventually(within: .seconds(120)) {
                try await mill.count("state = 'completed'") > jobs / 50
            }
            #expect(isUnderWay)

            try await mill.stores.killRedis()
            try await mill.stores.startRedis()
            _ = try await mill.stores.redis("CONFIG", "SET", "maxmemory", memoryMax)

            let waiting = try await mill.unpushed(in: "default")
            #expect(waiting > jobs / 5, "\(waiting) wait")
            let isRebuilt = await eventually(within: .seconds(60)) { worker.log.contains("queue rebuilt") }
            let line = worker.log.split(whereSeparator: \.isNewline).first { $0.contains("queue rebuilt") } ?? ""
            let elapsed = line.split(separator: "millrace.elapsed=").last.flatMap { Int($0.prefix { $0.isNumber }) }
            // Two extend periods are waited for.
            #expect(isRebuilt && elapsed.map { $0 < 25_000 } == true, "\(line)")
            #expect(try await mill.expectAllEnded(within: .seconds(600)))
            #expect(try await mill.count("state = 'completed'") == ids.count)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a wiped Redis that is too small for the backlog is filled by and by`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            let padding = String(repeating: "x", count: 8192)
            let ids = try await mill.submit(
                3_000, kind: "diagnostics.sleep", payload: { _ in #"{"ms":0,"pad":"\#(padding)"}"# })
            _ = try await mill.stores.redis("FLUSHALL")
            _ = try await mill.stores.redis("CONFIG", "SET", "maxmemory", "12mb")

            try await run([Repository.executable.path(), "rebuild", "--yes"], environment: mill.environment)
            let waiting = try await mill.unpushed(in: "default")
            #expect(waiting > 1_000)
            try mill.startWorker(concurrency: 32)

            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            #expect(try await mill.count("state = 'completed' AND attempt = 1") == ids.count)
        }
    }
}

extension Mill {
    /// Jobs of a queue that wait in PostgreSQL.
    fileprivate func unpushed(in queue: String) async throws -> Int {
        let rows = try await stores.rows(
            "SELECT count(*) FROM millrace.job_rows WHERE flagged AND queue = '\(queue)'",
            at: environment["DATABASE_URL"])
        return Int(rows.first ?? "") ?? -1
    }

    /// The most that Redis has used since it was started.
    fileprivate func peakMemory() async throws -> Int {
        let info = try await stores.redis("INFO", "memory")
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory_peak:") }
        return line.flatMap { Int($0.dropFirst("used_memory_peak:".count)) } ?? .max
    }
}
