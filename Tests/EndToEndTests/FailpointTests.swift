// SPDX-License-Identifier: Apache-2.0

import Foundation
import Millrace
import Testing

/// Kills a real process between every two effects on a job's path, and looks what is left.
@Suite("Failpoints") struct FailpointTests {
    @Test(.timeLimit(.minutes(5)))
    func `a process killed between any two effects loses nothing and records nothing twice`() async throws {
        try await Mill.with(configuration: FailpointTour.configuration) { mill in
            let tour = FailpointTour(of: mill)
            try await tour.killAPIs()
            try await tour.killSweepers()
            try await tour.killRelays()
            try await tour.killExpirer()
            try await tour.killWorkers()
            try await tour.killFirstAttempts()
            try await tour.rescue()

            #expect(tour.killed == Set(Failpoint.allCases).subtracting(Self.supervised))
            #expect(try await mill.expectAllEnded(within: .seconds(120)))
            let follow = "kind = 'diagnostics.follow'"
            let followers = try await mill.count(follow)
            #expect(try await mill.count("true") == tour.accepted + followers)
            #expect(try await mill.count("state = 'cancelled'") == tour.cancelled)
            #expect(try await mill.count("state = 'completed'") == tour.accepted + followers - tour.cancelled)
            let recorded = try await mill.stores.rows(
                "SELECT sum(completed) FROM millrace.finished_counts", at: mill.environment["DATABASE_URL"])
            #expect(recorded == ["\(tour.accepted + followers - tour.cancelled)"])
            #expect(try await mill.count("kind = 'diagnostics.echo' AND result::text <> payload::text") == 0)
            // Whose transaction was recorded has one follower, and it names that attempt.
            let followed = try await mill.stores.rows(
                """
                SELECT count(*), count(DISTINCT job.id) FROM millrace.jobs AS job JOIN millrace.jobs AS follower
                ON follower.payload->>'job' = job.id::text AND follower.payload->>'attempt' = job.attempt::text
                WHERE job.\(follow)
                """, at: mill.environment["DATABASE_URL"])
            #expect(followed == ["\(followers)|\(followers)"])
            // A handler saw of its step what the ledger has, also where another attempt had recorded it.
            let steps = try await mill.stores.rows(
                """
                SELECT count(*), count(*) FILTER (WHERE (steps[1]).attempt = (result->>'first')::integer),
                    count(*) FILTER (WHERE queue = 'steprecorded' AND (steps[1]).attempt < attempt) > 0
                FROM millrace.job_rows WHERE kind = 'diagnostics.step'
                """)
            #expect(steps == ["\(2 * FailpointTour.jobsPerVictim)|\(2 * FailpointTour.jobsPerVictim)|t"])
            #expect(try await mill.count("failures <> (kind = 'diagnostics.retry')::integer") == 0)
            #expect(try await mill.count("state = 'completed' AND attempt NOT BETWEEN 1 AND 4 + failures") == 0)
            var left: [String] = []
            _ = try await eventually(within: .seconds(60)) {
                left = try await mill.keysOfJobs()
                return left.isEmpty
            }
            #expect(left.isEmpty)
        }
    }

    /// Reached by a supervisor alone.
    static let supervised: [Failpoint] = [.crashNotBlamed, .blamedNotMoved, .movedNotReleased, .buriedNotTold]

    @Test(.timeLimit(.minutes(10)))
    func `a culprit is buried once, and nobody else, though supervisors are killed between any two effects`()
        async throws
    {
        let configuration = "diagnostics: true\npools:\n  default: {count: 1, concurrency: 8, drain_timeout: 0s}\n"
        try await Mill.with(configuration: configuration) { mill in
            for point in Self.supervised {
                let supervisor = try await startSupervisor("\(point):kill", in: mill)
                _ = try await mill.submit(5, kind: "diagnostics.sleep", payload: { _ in #"{"ms":1000}"# })
                _ = try await mill.submit(1, kind: "diagnostics.crash", payload: { _ in "{}" })
                let code = await supervisor.exitCode(within: 120)
                #expect(code == -SIGKILL, "\(point)")
            }
            _ = try await startSupervisor("", in: mill)

            #expect(try await mill.expectAllEnded(within: .seconds(240)))
            #expect(try await mill.count("state = 'dead'") == 4)
            let buried =
                "state = 'dead' AND kind = 'diagnostics.crash' AND failures = 0 AND json_array_length(errors) = 1"
            #expect(try await mill.count("\(buried) AND errors::text LIKE '%ran alone ended by SIG%'") == 4)
            #expect(try await mill.count("state = 'completed' AND failures = 0 AND NOT quarantined") == 20)
            let recorded = try await mill.stores.rows(
                "SELECT sum(completed), sum(dead) FROM millrace.finished_counts", at: mill.environment["DATABASE_URL"])
            #expect(recorded == ["20|4"])
            let isEmpty = try await eventually(within: .seconds(60)) { try await mill.keysOfJobs().isEmpty }
            #expect(isEmpty, "keys of jobs are left")
        }
    }

    private func startSupervisor(_ failpoints: String, in mill: Mill) async throws -> Child {
        // The children of the supervisor before end when they see that it is gone.
        let isPortFree = await eventually(within: .seconds(60)) {
            (try? await mill.request("GET", "/livez")) == nil
        }
        try #require(isPortFree)
        let child = try mill.start(
            "up", ["up", "--port", "\(mill.port)"], environment: ["MILLRACE_FAILPOINTS": failpoints])
        try await mill.expectReady()
        return child
    }

    @Test(.timeLimit(.minutes(1)))
    func `a process says loudly that failpoints are armed, and refuses a name that it does not know`() async throws {
        try await Mill.with { mill in
            let armed = try mill.start(
                "work", ["work"], environment: ["MILLRACE_FAILPOINTS": "reclaimed:kill@1000,sweep:off"])
            let wrong = try mill.start("work", ["work"], environment: ["MILLRACE_FAILPOINTS": "reclaimd:kill"])

            let short = try mill.start(
                "migrate", ["migrate"], environment: ["MILLRACE_FAILPOINTS": "reclaimed:kill"])
            let wrongShort = try mill.start(
                "migrate", ["migrate"], environment: ["MILLRACE_FAILPOINTS": "reclaimd:kill"])

            for child in [wrong, wrongShort] {
                #expect(await child.exitCode(within: 20) == 2)
                #expect(child.log.contains("reclaimd:kill"))
            }
            #expect(await short.exitCode(within: 20) == 0)
            #expect(short.log.contains("FAILPOINTS ARE ARMED"))
            let isSaid = await eventually(within: .seconds(20)) { armed.log.contains("FAILPOINTS ARE ARMED") }
            #expect(isSaid)
            #expect(armed.isRunning)
        }
    }
}

/// Goes from failpoint to failpoint. Each victim works in a queue of its own, so that most of them can die at the same time.
private final class FailpointTour {
    /// With as few connections as will do: there are many processes.
    static let configuration = """
        diagnostics: true
        pools:
          default:
            concurrency: 16
            database_connections: 6
            drain_timeout: 0s
        """
    static let jobsPerVictim = 200

    private let mill: Mill
    private(set) var killed: Set<Failpoint> = []
    private(set) var accepted = 0
    private(set) var cancelled = 0
    private var queues: [String] = []
    private var victims: [(point: Failpoint, child: Child)] = []

    init(of mill: Mill) {
        self.mill = mill
    }

    // MARK: - The API

    func killAPIs() async throws {
        // Without rows: nobody but the broker knows them before they have run.
        try await killAPI(at: .entrustedNotAnswered) {
            try await self.submit("diagnostics.echo", to: "entrusted", isEntrusted: true)
        }
        let worker = try startWorker("entrusted")
        let haveRun = try await eventually(within: .seconds(30)) {
            try await self.mill.count("queue = 'entrusted' AND state = 'completed'") == Self.jobsPerVictim
        }
        #expect(haveRun)
        try await end(worker)
        for point in [Failpoint.acceptNotCommitted, .acceptedNotPushed, .pushedNotAnswered] {
            try await killAPI(at: point) { try await self.submit("diagnostics.echo", to: "accept") }
            // What the client was not told of, the ledger knows.
            accepted = try await mill.count("true")
            #expect(accepted % Self.jobsPerVictim == 0)
        }
        #expect(accepted == 3 * Self.jobsPerVictim)

        var ids: [String] = []
        let healthy = try await mill.startAPI()
        for _ in 0..<5 { ids += try await submit("diagnostics.echo", to: "cancel", count: 1) }
        for id in ids[3...] { _ = try await mill.request("POST", "/v1/jobs/\(id)/cancel") }
        try await end(healthy)
        for (point, id) in zip([Failpoint.cancelNotCommitted, .cancelledNotTold, .cancelTold], ids) {
            try await killAPI(at: point) { _ = try await self.mill.request("POST", "/v1/jobs/\(id)/cancel") }
        }
        for (point, id) in zip([Failpoint.reopenNotCommitted, .reopenedNotTold], ids[3...]) {
            try await killAPI(at: point) { _ = try await self.mill.request("POST", "/v1/jobs/\(id)/retry") }
        }
        #expect(try await mill.count("id = '\(ids[4])' AND state = 'ready'") == 1)
        cancelled = 3
        try await mill.startAPI()
    }

    private func killAPI(at point: Failpoint, by request: () async throws -> Void) async throws {
        let api = try mill.start(
            "serve", ["serve", "--port", "\(mill.port)"], environment: ["MILLRACE_FAILPOINTS": "\(point):kill"])
        try await mill.expectReady()
        await #expect(throws: (any Error).self) { try await request() }
        await expectKilled(api, at: point)
    }

    // MARK: - Chores, which every worker does for all queues: their victims have the mill for themselves

    /// The jobs of the API that was killed before the push are there to be found.
    func killSweepers() async throws {
        for point in [Failpoint.sweepNotPushed, .sweepPushed] {
            await expectKilled(try startVictim(at: point, queue: "accept"), at: point)
        }
    }

    func killRelays() async throws {
        let statement = "SELECT millrace.enqueue('diagnostics.echo', '{}', queue => 'relay')"
        _ = try await mill.stores.rows(
            "\(statement) FROM generate_series(1, \(Self.jobsPerVictim))", at: mill.environment["DATABASE_URL"])
        accepted += Self.jobsPerVictim
        for point in [Failpoint.relayNotPushed, .relayPushedNotCleared, .relayCleared] {
            await expectKilled(try startVictim(at: point, queue: "relay"), at: point)
        }
    }

    /// Jobs that wait for their time in Redis, and expire before it; then an operator wants them after all.
    func killExpirer() async throws {
        let ids = try await submit("diagnostics.echo", to: "expire", count: 3, delay: "590s")
        _ = try await mill.stores.rows(
            "UPDATE millrace.job_rows SET expires_at = now() WHERE queue = 'expire'",
            at: mill.environment["DATABASE_URL"])
        await expectKilled(try startVictim(at: .expiredNotTold, queue: "expire"), at: .expiredNotTold)
        #expect(try await mill.count("queue = 'expire' AND state = 'cancelled'") == 3)
        #expect(try await mill.stores.redis("ZCARD", "mr:{expire}:scheduled") == "3")
        for id in ids {
            #expect(try await mill.request("POST", "/v1/jobs/\(id)/retry").status == 202)
        }
        let worker = try startWorker("expire")
        let haveRun = try await eventually(within: .seconds(30)) {
            try await self.mill.count("queue = 'expire' AND state = 'completed'") == 3
        }
        #expect(haveRun)
        try await end(worker)
    }

    // MARK: - A queue for each

    func killWorkers() async throws {
        let rebuilds: [Failpoint] = [
            .rebuildNotRaised, .epochRaisedNotCopied, .epochCopiedNotPushed, .rebuildPushedNotFinished,
            .rebuildFinished,
        ]
        // Only what had an epoch is rebuilt.
        try await establish(rebuilds.map { "\($0)".lowercased() })
        for point in rebuilds { _ = try await submit("diagnostics.echo", to: "\(point)".lowercased()) }
        try await startRunning(.leaseNotRedeclared, milliseconds: 8000)
        _ = try await mill.stores.redis("FLUSHALL")
        for point in rebuilds { try startVictim(at: point) }

        for (point, kind, hit) in Self.runs {
            _ = try await submit(kind.name, kind.payload, to: "\(point)".lowercased())
            try startVictim(at: point, hit: hit)
        }
        let releasing = try await startRunning(.recordedNotReleased, milliseconds: 4000)
        releasing.signal(SIGTERM)
        let owner = try await startRunning(.reclaimed, armed: false, milliseconds: 1000)
        owner.signal(SIGKILL)
        try startVictim(at: .reclaimed)
        try startVictim(at: .epochEstablishedNotCopied)
    }

    private static let echo = (name: "diagnostics.echo", payload: #"{"text":"once"}"#)
    private static let retry = (name: "diagnostics.retry", payload: #"{"times":1,"ms":200}"#)
    private static let step = (name: "diagnostics.step", payload: "{}")
    private static let follow = (name: "diagnostics.follow", payload: "{}")
    private static let runs: [(Failpoint, kind: (name: String, payload: String), hit: Int)] = [
        (.reservedNotClaimed, echo, 2), (.claimedNotStarted, echo, 50), (.endedNotRecorded, echo, 2),
        (.recordedNotAcknowledged, echo, 2), (.acknowledgedNotForgotten, echo, 2), (.recordedNotRetried, retry, 1),
        (.stepNotRecorded, step, 10), (.stepRecorded, step, 10),
        (.transactionNotHeld, follow, 10), (.transactionNotCommitted, follow, 10), (.transactionCommitted, follow, 10),
    ]

    /// Jobs of durability `redis`, in attempts that were not claimed. After the last loss of the broker's data.
    func killFirstAttempts() async throws {
        await expectQuickDeaths()
        for (point, kind, hit) in Self.firstRuns {
            let queue = "first-\(point)".lowercased()
            _ = try await submit(kind.name, kind.payload, to: queue, isEntrusted: true)
            try startVictim(at: point, queue: queue, hit: hit)
        }
        let queue = "\(Failpoint.adoptedNotClaimed)".lowercased()
        let sleepers = try await submit(
            "diagnostics.sleep", #"{"ms":4000}"#, to: queue, count: 16, isEntrusted: true)
        let owner = try startWorker(queue)
        let areRunning = try await eventually(within: .seconds(30)) {
            for id in sleepers {
                let job = try await self.mill.request("GET", "/v1/jobs/\(id)")
                guard job.json["state"] as? String == "running" else { return false }
            }
            return true
        }
        #expect(areRunning)
        owner.signal(SIGKILL)
        try startVictim(at: .adoptedNotClaimed)
    }

    private static let firstRuns: [(Failpoint, kind: (name: String, payload: String), hit: Int)] = [
        (.reservedNotClaimed, echo, 2), (.claimedNotStarted, echo, 50), (.endedNotRecorded, echo, 2),
        (.adoptedNotRecorded, retry, 1), (.insertedNotAcknowledged, echo, 2),
        (.transactionNotCommitted, follow, 10), (.transactionCommitted, follow, 10),
    ]

    /// Waits for the deaths, and has the rest done by workers that nothing is armed in.
    func rescue() async throws {
        await expectQuickDeaths()
        let slowQueues = victims.map { "\($0.point)".lowercased() }
        let all = queues.filter { !slowQueues.contains($0) } + ["cancel"]
        try startWorker(all.joined(separator: ","))
        for victim in victims { await expectKilled(victim.child, at: victim.point) }
        try startWorker(slowQueues.joined(separator: ","))
    }

    /// Waits for the deaths of all but those who wait for a lease to expire.
    private func expectQuickDeaths() async {
        let slow: Set = [Failpoint.reclaimed, .adoptedNotClaimed]
        for victim in victims where !slow.contains(victim.point) { await expectKilled(victim.child, at: victim.point) }
        victims.removeAll { !slow.contains($0.point) }
    }

    // MARK: - Parts of it

    private func establish(_ queues: [String]) async throws {
        let worker = try startWorker(queues.joined(separator: ","))
        let names = queues.map { "'\($0)'" }.joined(separator: ",")
        let isDone = try await eventually(within: .seconds(30)) {
            try await self.mill.stores.rows(
                "SELECT count(*) FROM millrace.queues WHERE epoch IS NOT NULL AND name IN (\(names))",
                at: self.mill.environment["DATABASE_URL"]) == ["\(queues.count)"]
        }
        #expect(isDone)
        try await end(worker)
    }

    /// A victim whose slots are all taken by sleepers.
    @discardableResult
    private func startRunning(_ point: Failpoint, armed: Bool = true, milliseconds: Int) async throws -> Child {
        let queue = "\(point)".lowercased()
        _ = try await submit("diagnostics.sleep", #"{"ms":\#(milliseconds)}"#, to: queue, count: 16)
        let child = armed ? try startVictim(at: point) : try startWorker(queue)
        let areRunning = try await eventually(within: .seconds(30)) {
            try await self.mill.count("queue = '\(queue)' AND state = 'running'") == 16
        }
        #expect(areRunning)
        return child
    }

    @discardableResult
    private func submit(
        _ kind: String, _ payload: String = "{}", to queue: String, count: Int = jobsPerVictim,
        isEntrusted: Bool = false, delay: String? = nil
    ) async throws -> [String] {
        let durability = isEntrusted ? "redis" : "postgres"
        let delay = delay.map { #","delay":"\#($0)""# } ?? ""
        let members =
            #""kind":"\#(kind)","payload":\#(payload),"queue":"\#(queue)","durability":"\#(durability)"\#(delay)"#
        let job = "{\(members)}"
        let jobs = [String](repeating: job, count: count).joined(separator: ",")
        let answer = try await mill.request("POST", "/v1/jobs:batch", "[\(jobs)]")
        #expect(answer.status == 202)
        #expect(answer.json["durability"] as? String == durability)
        accepted += count
        return answer.json["ids"] as? [String] ?? []
    }

    @discardableResult
    private func startVictim(at point: Failpoint, queue: String? = nil, hit: Int = 1) throws -> Child {
        let queue = queue ?? "\(point)".lowercased()
        let child = try startWorker(queue, ["MILLRACE_FAILPOINTS": "\(point):kill@\(hit)"])
        if !queues.contains(queue) { queues.append(queue) }
        victims.append((point, child))
        return child
    }

    @discardableResult
    private func startWorker(_ queues: String, _ environment: [String: String] = [:]) throws -> Child {
        try mill.start("work", ["work", "--pool", "default", "--queues", queues], environment: environment)
    }

    private func end(_ child: Child) async throws {
        child.signal(SIGKILL)
        #expect(await child.exitCode(within: 20) != nil)
    }

    private func expectKilled(_ child: Child, at point: Failpoint) async {
        let code = await child.exitCode(within: 90)
        #expect(
            code == -SIGKILL, "\(point): ended with \(code.map(String.init) ?? "nothing")\n\(child.log.suffix(2000))")
        if code == -SIGKILL { killed.insert(point) }
    }
}
