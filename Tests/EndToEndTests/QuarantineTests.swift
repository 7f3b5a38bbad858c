// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Jobs that take their process down, among others that do not.
@Suite("Quarantine") struct QuarantineTests {
    @Test(.timeLimit(.minutes(10)))
    func `of twenty jobs that trap among five thousand each is buried, and no other loses anything`() async throws {
        try await Mill.with(configuration: Self.configuration("count: 2, concurrency: 10")) { mill in
            let supervisor = try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            let start = ContinuousClock.now

            for _ in 0..<20 {
                _ = try await mill.submit(249, kind: "diagnostics.echo", payload: { _ in "{}" })
                _ = try await mill.submit(1, kind: "diagnostics.crash", payload: { _ in "{}" })
            }
            let haveInnocentsEnded = try await eventually(within: .seconds(500), every: .seconds(1)) {
                try await mill.count("state = 'completed'") == 4980
            }
            let innocents = ContinuousClock.now - start
            let haveAllEnded = try await mill.expectAllEnded(within: .seconds(500))

            #expect(haveInnocentsEnded && haveAllEnded)
            try await expectBuried(20, "kind = 'diagnostics.crash'", in: mill)
            #expect(try await mill.count("kind = 'diagnostics.crash' AND errors::text LIKE '%trap(at:)%'") == 20)
            #expect(try await mill.count("state = 'completed' AND kind = 'diagnostics.echo'") == 4980)
            #expect(try await mill.count("failures > 0 OR quarantined") == 0)
            let starts = Self.starts(in: supervisor.log)
            // API and pool; then each trap takes down one process of the pool at most, and one of its own.
            #expect(starts <= 3 + 2 * 20 + 10)
            let suspects = try await mill.count("kind = 'diagnostics.echo' AND crashes > 0")
            let attempts = try await mill.stores.rows(
                "SELECT max(attempt) FROM millrace.jobs WHERE kind = 'diagnostics.echo'",
                at: mill.environment["DATABASE_URL"])
            print(
                "20 traps among 5,000 jobs: innocents done after \(innocents), all after \(ContinuousClock.now - start);",
                "\(starts) processes started, \(suspects) innocent jobs run again alone, at most \(attempts) attempts")
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a job that exhausts its process's memory is found and buried, its neighbours are not`() async throws {
        let pool = "count: 1, concurrency: 8, memory: 256MiB"
        try await Mill.with(configuration: Self.configuration(pool)) { mill in
            try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()

            _ = try await mill.submit(7, kind: "diagnostics.sleep", payload: { _ in #"{"ms":4000}"# })
            _ = try await mill.submit(
                1, kind: "diagnostics.allocate", payload: { _ in #"{"bytes":1073741824,"ms":10000}"# })
            _ = try await mill.submit(
                20, kind: "diagnostics.allocate", payload: { _ in #"{"bytes":1048576,"ms":10}"# })

            #expect(try await mill.expectAllEnded(within: .seconds(240)))
            try await expectBuried(1, "payload::text LIKE '%1073741824%'", in: mill)
            #expect(try await mill.count("errors::text LIKE '%memory limit of 256 MiB%'") == 1)
            #expect(try await mill.count("state = 'completed' AND failures = 0") == 27)
            #expect(try await mill.count("kind = 'diagnostics.sleep' AND crashes = 1") == 7)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a job whose process is killed or told to end ten times over is not buried, and completes`() async throws {
        // One that does not end when it is told to: its process ends without it, by itself.
        let pool = "count: 1, concurrency: 4, drain_timeout: 0s"
        try await Mill.with(configuration: Self.configuration(pool)) { mill in
            try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            let id = try await mill.submit(1, kind: "diagnostics.spin", payload: { _ in #"{"ms":8000}"# })[0]

            for kill in 1...10 {
                let hasStarted = try await eventually(within: .seconds(90)) {
                    try await mill.count("id = '\(id)' AND state = 'running' AND attempt = \(kill)") == 1
                }
                try #require(hasStarted, "attempt \(kill)")
                let pid = try await self.pid(of: id, in: mill)
                try #require(Foundation.kill(pid, kill.isMultiple(of: 2) ? SIGTERM : SIGKILL) == 0)
            }

            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            #expect(try await mill.count("state = 'completed' AND attempt = 11 AND failures = 0 AND crashes = 10") == 1)
            #expect(try await mill.count("errors IS NOT NULL AND json_array_length(errors) > 0") == 0)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `jobs whose process exits, and that ignore their time-out, are buried after three runs alone, and say why`()
        async throws
    {
        try await Mill.with(configuration: Self.configuration("count: 1, concurrency: 1, drain_timeout: 0s")) { mill in
            try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            let culprits = [
                #"{"kind":"diagnostics.exit","payload":{"code":3}}"#,
                #"{"kind":"diagnostics.exit","payload":{"code":0}}"#,
                #"{"kind":"diagnostics.spin","payload":{"ms":86400000},"timeout":"1s"}"#,
            ]
            for culprit in culprits {
                #expect(try await mill.request("POST", "/v1/jobs", culprit).status == 202)
                _ = try await mill.submit(10, kind: "diagnostics.echo", payload: { _ in "{}" })
            }

            #expect(try await mill.expectAllEnded(within: .seconds(400)))
            #expect(try await mill.count("kind = 'diagnostics.echo' AND state = 'completed' AND failures = 0") == 30)
            let buried = "state = 'dead' AND failures = 0 AND attempt = 5 AND json_array_length(errors) = 3"
            #expect(try await mill.count(buried) == 3)
            let last =
                "errors->2->>'error' LIKE 'buried after 3 lone runs of which none ended in order; the last one: %"
            for code in [0, 3] {
                let why = "the process in which it ran alone ended with exit code \(code)"
                #expect(try await mill.count("\(last)\(why)' AND payload->>'code' = '\(code)'") == 1)
            }
            #expect(try await mill.count("\(last)ignored its cancellation%' AND kind = 'diagnostics.spin'") == 1)
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `suspects outlive their supervisor and a wiped Redis`() async throws {
        try await Mill.with(configuration: Self.configuration("count: 1, concurrency: 4")) { mill in
            let supervisor = try mill.start("up", ["up", "--port", "\(mill.port)"])
            try await mill.expectReady()
            _ = try await mill.submit(3, kind: "diagnostics.sleep", payload: { _ in #"{"ms":3000}"# })
            _ = try await mill.submit(1, kind: "diagnostics.crash", payload: { _ in "{}" })
            let areBlamed = try await eventually(within: .seconds(90)) { try await mill.count("quarantined") == 4 }
            try #require(areBlamed)

            supervisor.signal(SIGKILL)
            _ = try await mill.stores.redis("FLUSHALL")
            _ = await supervisor.exitCode(within: 10)
            try mill.start("up", ["up", "--port", "\(mill.port)"])

            #expect(try await mill.expectAllEnded(within: .seconds(240)))
            #expect(try await mill.count("kind = 'diagnostics.crash' AND state = 'dead' AND failures = 0") == 1)
            #expect(try await mill.count("kind = 'diagnostics.sleep' AND state = 'completed' AND failures = 0") == 3)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `workers without a supervisor run suspects alone, and bury none`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            var worker = try mill.startWorker(concurrency: 4)
            _ = try await mill.submit(1, kind: "diagnostics.sleep", payload: { _ in #"{"ms":2000}"# })
            _ = try await mill.submit(1, kind: "diagnostics.crash", payload: { _ in "{}" })
            var deaths = 0

            // As a service manager starts them again.
            let isDone = try await eventually(within: .seconds(400), every: .milliseconds(500)) {
                if !worker.isRunning {
                    deaths += 1
                    worker = try mill.startWorker(concurrency: 4)
                }
                return try await mill.count("state = 'completed'") == 1
            }

            #expect(isDone)
            #expect(deaths >= 2)
            #expect(try await mill.count("kind = 'diagnostics.sleep' AND failures = 0 AND NOT quarantined") == 1)
            #expect(try await mill.count("kind = 'diagnostics.crash' AND quarantined AND state <> 'dead'") == 1)
            _ = try await mill.submit(10, kind: "diagnostics.echo", payload: { _ in "{}" })
            let goesOn = try await eventually(within: .seconds(120), every: .milliseconds(500)) {
                if !worker.isRunning { worker = try mill.startWorker(concurrency: 4) }
                return try await mill.count("state = 'completed'") == 11
            }
            #expect(goesOn)
        }
    }

    private static func configuration(_ pool: String) -> String {
        "diagnostics: true\npools:\n  default: {\(pool)}\n"
    }

    private func expectBuried(_ count: Int, _ condition: String, in mill: Mill) async throws {
        let buried = "state = 'dead' AND failures = 0 AND crashes = 2 AND attempt = 2 AND json_array_length(errors) = 1"
        #expect(try await mill.count("state = 'dead'") == count)
        #expect(try await mill.count("\(buried) AND \(condition)") == count)
    }

    /// Processes that a supervisor has started.
    private static func starts(in log: String) -> Int {
        log.split(separator: "\n").count { $0.contains("process started") }
    }

    /// The process that runs a job now, once it has said so.
    private func pid(of id: String, in mill: Mill) async throws -> Int32 {
        var found: Int32?
        _ = try await eventually(within: .seconds(30)) {
            let process = try await mill.request("GET", "/v1/jobs/\(id)").json["worker"] as? String
            let workers = try await mill.request("GET", "/v1/workers").json["workers"] as? [[String: Any]]
            let worker = workers?.first { $0["process"] as? String == process }
            found = (worker?["pid"] as? Int).map(Int32.init)
            return found != nil
        }
        return try #require(found)
    }
}
