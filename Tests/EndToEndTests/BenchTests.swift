// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `millrace bench` on real stores.
@Suite("Bench") struct BenchTests {
    private static let bench = [Repository.executable.path(), "bench", "--jobs", "500", "--runs", "3"]

    @Test(.timeLimit(.minutes(3)))
    func `it tells all its figures and leaves nothing behind`() async throws {
        try await Mill.with { mill in
            let text = try await run(Self.bench + ["--output", "json"], environment: mill.environment)

            let answer = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            #expect(answer["appendonly"] as? Bool == true)
            #expect(answer["jobs"] as? Int == 500 && answer["batch"] as? Int == 100 && answer["runs"] as? Int == 3)
            let figures = try #require(answer["figures"] as? [[String: Any]])
            #expect(
                figures.map { "\($0["part"] ?? "") \($0["figure"] ?? "")" } == [
                    "broker redis_cpu_us_per_job", "broker jobs_per_second", "path jobs_per_second",
                    "path worker_cpu_ms_per_1000_jobs", "path redis_cpu_ms_per_1000_jobs",
                    "path postgres_cpu_ms_per_1000_jobs",
                ])
            for figure in figures {
                let (low, middle, high) = (
                    figure["min"] as? Double, figure["median"] as? Double, figure["max"] as? Double
                )
                #expect((low ?? -1) >= 0 && (low ?? 1) <= (middle ?? 0) && (middle ?? 1) <= (high ?? 0), "\(figure)")
            }
            try await expectNothingLeft(in: mill)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `it is refused while jobs wait, and then disturbs none`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            _ = try await mill.submit(3, kind: "diagnostics.echo", payload: { _ in "{}" })

            let refused = try Child(
                "bench", Repository.executable, Array(Self.bench.dropFirst()), environment: mill.environment,
                logFolder: mill.stores.folder)
            #expect(await refused.exitCode(within: 20) == 4)
            #expect(refused.log.contains("jobs are ready or running (default)"), "\(refused.log)")
            let table = try await run(Self.bench + ["--yes"], environment: mill.environment)

            #expect(table.hasPrefix("Redis ") && table.contains("append-only file on; 3 runs of 500 jobs of 150 bytes"))
            #expect(table.contains("broker  Redis's CPU per job, µs"))
            #expect(try await mill.count("state = 'ready' AND attempt = 0") == 3)
            #expect(try await mill.count("true") == 3)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `Ctrl-C ends it, with nothing left`() async throws {
        try await Mill.with { mill in
            let bench = try Child(
                "bench", Repository.executable, ["bench", "--jobs", "5000", "--runs", "99"],
                environment: mill.environment, logFolder: mill.stores.folder)
            let isAtIt = await eventually(within: .seconds(60)) { bench.log.contains("run 2 of 99") }
            #expect(isAtIt, "\(bench.log)")

            bench.signal(SIGINT)

            #expect(await bench.exitCode(within: 60) == 130, "\(bench.log)")
            try await expectNothingLeft(in: mill)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `what a killed one leaves is removed by the next, and not what another one works with`() async throws {
        try await Mill.with { mill in
            let arguments = ["bench", "--jobs", "5000", "--runs", "99"]
            let killed = try Child(
                "bench", Repository.executable, arguments, environment: mill.environment,
                logFolder: mill.stores.folder)
            let isAtIt = await eventually(within: .seconds(60)) { killed.log.contains("run 1 of 99") }
            #expect(isAtIt, "\(killed.log)")
            killed.signal(SIGKILL)
            _ = await killed.exitCode(within: 20)
            #expect(try await mill.stores.rows("SELECT name FROM millrace.queues").count == 2)

            let next = try Child(
                "bench", Repository.executable, arguments, environment: mill.environment,
                logFolder: mill.stores.folder)
            let isNextAtIt = await eventually(within: .seconds(60)) { next.log.contains("run 1 of 99") }
            #expect(isNextAtIt, "\(next.log)")
            #expect(next.log.components(separatedBy: "which a measurement left that was killed").count == 3)
            let beside = try Child(
                "bench", Repository.executable, ["bench", "--jobs", "100", "--runs", "1", "--yes"],
                environment: mill.environment, logFolder: mill.stores.folder)
            #expect(await beside.exitCode(within: 60) == 0, "\(beside.log)")
            #expect(!beside.log.contains("left that was killed"), "\(beside.log)")

            next.signal(SIGINT)
            #expect(await next.exitCode(within: 60) == 130, "\(next.log)")
            try await expectNothingLeft(in: mill)
        }
    }

    private func expectNothingLeft(in mill: Mill) async throws {
        #expect(try await mill.count("true") == 0)
        #expect(try await mill.stores.rows("SELECT name FROM millrace.queues") == [])
        #expect(try await mill.stores.rows("SELECT queue FROM millrace.finished_counts") == [])
        #expect(try await mill.stores.redis("KEYS", "mr:*") == "")
    }
}
