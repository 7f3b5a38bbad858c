// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Jobs of durability `redis`, which get their row when their first attempt has ended or died.
@Suite("Durability redis", .serialized) struct RedisDurabilityTests {
    private static let kind = "diagnostics.echo.redis"

    @Test(.timeLimit(.minutes(5)))
    func `twenty thousand are each recorded once while workers are killed`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            var workers = [try mill.startWorker(concurrency: 64), try mill.startWorker(concurrency: 64)]

            let ids = try await mill.submit(20_000, kind: Self.kind, payload: { "{\"number\":\($0)}" })
            for kill in 1...5 {
                _ = try await eventually(within: .seconds(60)) {
                    try await mill.count("state = 'completed'") >= kill * 2_000
                }
                workers.removeFirst().signal(SIGKILL)
                workers.append(try mill.startWorker(concurrency: 64))
            }

            #expect(Set(ids).count == 20_000)
            let areAllThere = try await eventually(within: .seconds(120), every: .milliseconds(200)) {
                try await mill.count("state = 'completed' AND result::text = payload::text") == 20_000
            }
            #expect(areAllThere)
            #expect(Set(try await mill.stores.rows("SELECT id FROM millrace.jobs")) == Set(ids))
            #expect(try await mill.count("attempt NOT IN (1, 2) OR failures > 0 OR crashes <> attempt - 1") == 0)
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `with PostgreSQL frozen they are accepted, and recorded when it goes on`() async throws {
        try await Mill.with { mill in
            try await mill.startAPI()
            try mill.startWorker(concurrency: 16)
            var accepted = try await mill.submit(100, kind: Self.kind, payload: { "\($0)" })
            _ = try await eventually(within: .seconds(30)) { try await mill.count("state = 'completed'") == 100 }

            await mill.stores.signalPostgres(SIGSTOP)
            let start = ContinuousClock.now
            var refusals: [Double] = []
            var number = 0
            while ContinuousClock.now - start < .seconds(8) {
                let entrusted = try await mill.request(
                    "POST", "/v1/jobs", "{\"kind\":\"\(Self.kind)\",\"payload\":\(number)}")
                #expect(entrusted.status == 202)
                #expect(entrusted.json["durability"] as? String == "redis")
                accepted.append(try #require(entrusted.json["id"] as? String))
                let before = ContinuousClock.now
                let refused = try await mill.request(
                    "POST", "/v1/jobs", #"{"kind":"diagnostics.echo","payload":0}"#)
                #expect(refused.status == 503)
                #expect(refused.headers["Retry-After"] ?? refused.headers["retry-after"] == "1")
                refusals.append(Double((ContinuousClock.now - before) / .seconds(1)))
                number += 1
                await pause(for: .milliseconds(20))
            }
            await mill.stores.signalPostgres(SIGCONT)

            #expect(refusals.allSatisfy { $0 < 1.5 }, "slowest: \(refusals.sorted().suffix(3))")
            let total = accepted.count
            let areAllThere = try await eventually(within: .seconds(60), every: .milliseconds(200)) {
                let known = Set(try await mill.stores.rows("SELECT id FROM millrace.jobs WHERE state = 'completed'"))
                return Set(accepted).isSubset(of: known)
            }
            #expect(areAllThere, "of \(total)")
            #expect(number > 20)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a Redis that is wiped in the middle loses what waits in it alone, and nothing is recorded twice`()
        async throws
    {
        try await Mill.with { mill in
            try await mill.startAPI()
            for _ in 0..<2 { try mill.startWorker(concurrency: 16) }

            let entrusted = try await mill.submit(
                3_000, kind: "diagnostics.sleep", payload: { _ in #"{"ms":20}"# }, more: #","durability":"redis""#)
            let recorded = try await mill.submit(1_000, kind: "diagnostics.echo", payload: { "\($0)" })
            _ = try await eventually(within: .seconds(90)) { try await mill.count("state = 'completed'") >= 500 }
            _ = try await mill.stores.redis("FLUSHALL")
            let after = try await mill.submit(500, kind: Self.kind, payload: { "\($0)" })

            let areAllThere = try await eventually(within: .seconds(120), every: .milliseconds(200)) {
                let known = Set(try await mill.stores.rows("SELECT id FROM millrace.jobs WHERE state = 'completed'"))
                return Set(recorded + after).isSubset(of: known)
            }
            #expect(areAllThere)
            #expect(try await mill.expectAllEnded(within: .seconds(60)))
            let isEmpty = try await eventually(within: .seconds(30)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
            let known = try await mill.stores.rows("SELECT id FROM millrace.jobs")
            #expect(Set(known).isSubset(of: Set(entrusted + recorded + after)))
            // Live workers declare again what they run, so that it is recorded, and in its first attempt.
            #expect(try await mill.count("attempt > 1") == 0)
            let survivors = Set(known).intersection(entrusted).count
            #expect(survivors >= 400 && survivors < entrusted.count, "\(survivors)")
        }
    }
}
