// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Torture {
    /// Says what was done, what became of it, and of each promise whether it was kept.
    func check(_ course: Course, _ stores: Stores, _ folder: URL, _ seen: inout Checker.Observations) async throws
        -> Bool
    {
        let done = await course.nemesis.done
        let evidence = try Evidence(folder: folder, faults: done)
        try await evidence.load(into: stores)
        seen.changedAnswers = evidence.changedAnswers
        seen.repeatedRuns = try await number(Self.repeatedRuns, stores)
        let isArmed = !settings.workerFailpoints.isEmpty
        seen.repeatedRunsMax =
            (done.count { $0.fault.mayRepeatRuns } + (isArmed ? 1 : 0)) * settings.workersMax * settings.concurrency
        await sayFaults(done, course.throughput)
        for failure in await course.nemesis.failures { say("  the nemesis failed: \(failure)") }
        try await sayJobs(evidence, seen, stores)
        let checker = Checker(stores: stores)
        var isKept = true
        for invariant in Invariant.all {
            let violations = try await checker.violations(of: invariant, seen)
            isKept = isKept && violations.isEmpty
            let number = "\(invariant.number)".count < 2 ? " \(invariant.number)" : "\(invariant.number)"
            say("\(number) \(violations.isEmpty ? "kept  " : "BROKEN") \(invariant.promise)")
            for violation in violations {
                let examples =
                    violation.examples.isEmpty ? "" : ", such as \(violation.examples.joined(separator: " "))"
                say("    \(violation.what): \(violation.count)\(examples)")
            }
        }
        try await sayVerdict(isKept, stores)
        return isKept
    }

    /// Runs beyond the first that neither the job itself nor an operator asked for.
    private static let repeatedRuns = """
        SELECT coalesce(sum(greatest(0,
          attempt - 1 - (mode IN ('retry', 'conflict', 'snooze'))::integer
            - coalesce(times, 0) * (1 + (mode IN ('retry', 'conflict'))::integer))), 0)
        FROM torture.jobs LEFT JOIN torture.reopened USING (id)
        """

    private func sayFaults(_ done: [Nemesis.Done], _ throughput: Throughput) async {
        let kinds = Dictionary(grouping: done, by: \.fault).sorted { $0.key.rawValue < $1.key.rawValue }
        if kinds.isEmpty { return }
        let (recoveries, unseen) = await (throughput.recoveries, throughput.unseen)
        say("faults, and the time from their end until \(Int(throughput.wanted)) jobs a second ended again:")
        say("  fault               times   median    worst")
        for (fault, faults) in kinds {
            let times = (recoveries[fault] ?? []).sorted()
            let name = fault.rawValue.padding(toLength: 18, withPad: " ", startingAt: 0)
            let cells = ["\(faults.count)", times.isEmpty ? "-" : times[times.count / 2].text, times.last?.text ?? "-"]
            let row = cells.map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
            let rest = unseen[fault].map { "   (\($0) not seen to recover before the clients' end)" } ?? ""
            say("  \(name)\(row.dropFirst(2))\(rest)")
        }
    }

    private func sayJobs(_ evidence: Evidence, _ seen: Checker.Observations, _ stores: Stores) async throws {
        let starts = try await number("SELECT count(*) FROM torture.starts", stores)
        let cancelled = try await number("SELECT count(*) FROM millrace.job_rows WHERE state = 'cancelled'", stores)
        let followers = try await number("SELECT count(*) FROM torture.followers", stores)
        let unknown = evidence.submitted - evidence.accepted - evidence.refused
        say(
            "jobs: \(evidence.submitted) submitted, \(evidence.accepted) accepted, \(evidence.refused) refused, "
                + "\(unknown) without an answer, \(followers) followers, \(cancelled) cancelled; "
                + "\(evidence.repeatedRequests) requests repeated")
        if evidence.entrusted > 0 {
            let lost = try await number("SELECT count(*) FROM (\(Invariant.lostWithRedis)) AS lost", stores)
            say("durability redis: \(evidence.entrusted) of those accepted, \(lost) lost with Redis's data")
        }
        if settings.hasOperator {
            let paused = try await number(
                "SELECT coalesce(sum(to_us - from_us), 0)::bigint FROM torture.pauses", stores)
            say(
                "operator: \(evidence.retries) jobs that had ended retried, a queue paused \(evidence.pauses) times, "
                    + "for \(Duration.microseconds(paused).text)")
        }
        say("runs: \(starts), repeated because of faults \(seen.repeatedRuns); at most \(seen.peakMiB) MiB a process")
    }

    private func sayVerdict(_ isKept: Bool, _ stores: Stores) async throws {
        let lost = try await number(
            """
            SELECT count(*) FROM torture.accepted LEFT JOIN millrace.job_rows AS job USING (id)
            WHERE (job.id IS NULL OR job.state < 'completed') AND id NOT IN (\(Invariant.lostWithRedis))
            """, stores)
        let twice = try await number("SELECT count(*) FROM (\(Invariant.recordedTwice)) AS twice", stores)
        say("\(isKept ? "KEPT" : "BROKEN"): lost \(lost), recorded twice \(twice); seed \(settings.seed)")
    }

    private func number(_ sql: String, _ stores: Stores) async throws -> Int {
        try await stores.rows(sql, within: 600).first.flatMap { Int($0) } ?? 0
    }
}
