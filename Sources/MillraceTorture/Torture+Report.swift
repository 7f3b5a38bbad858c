// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Torture {
    /// Says what was done, what became of it, and of each promise whether it was kept.
    func check(
        _ nemesis: Nemesis, _ throughput: Throughput, _ stores: Stores, _ folder: URL,
        _ seen: inout Checker.Observations
    ) async throws -> Bool {
        let evidence = try Evidence(folder: folder, producers: settings.producers)
        try await evidence.load(into: stores)
        let done = await nemesis.done
        for failure in await nemesis.failures { say("fault: \(failure)") }
        seen.changedAnswers = evidence.changedAnswers
        seen.repeatedRuns = try await number(
            "SELECT coalesce(sum(greatest(0, attempt - 1 - (mode IN ('retry', 'snooze'))::integer)), 0) FROM torture.jobs",
            stores)
        let isArmed = !settings.workerFailpoints.isEmpty
        seen.repeatedRunsMax =
            (done.count { $0.fault.mayRepeatRuns } + (isArmed ? 1 : 0)) * settings.workers * settings.concurrency
        await sayFaults(done, throughput)
        try await sayJobs(evidence, seen, stores)
        let checker = Checker(stores: stores)
        var isKept = true
        for invariant in Invariant.all {
            let violations = try await checker.violations(of: invariant, seen)
            isKept = isKept && violations.isEmpty
            say("\(invariant.number) \(violations.isEmpty ? "kept  " : "BROKEN") \(invariant.promise)")
            for violation in violations {
                let examples =
                    violation.examples.isEmpty ? "" : ", such as \(violation.examples.joined(separator: " "))"
                say("    \(violation.what): \(violation.count)\(examples)")
            }
        }
        try await sayVerdict(isKept, stores)
        return isKept
    }

    private func sayFaults(_ done: [Nemesis.Done], _ throughput: Throughput) async {
        let kinds = Dictionary(grouping: done, by: \.fault).sorted { $0.key.rawValue < $1.key.rawValue }
        // Half of the clients' pace; with a backlog the mill is faster than that.
        let wanted = Double(settings.rate) / 2
        if !kinds.isEmpty { say("faults, and the time until \(Int(wanted)) jobs a second ended again:") }
        for (fault, faults) in kinds {
            var times: [Double] = []
            for fault in faults {
                guard let time = await throughput.recovery(after: fault.ended, to: wanted) else { continue }
                times.append(Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
            }
            times.sort()
            let median = times.isEmpty ? "-" : String(format: "%.1f s", times[times.count / 2])
            let most = times.last.map { String(format: "%.1f s", $0) } ?? "-"
            let name = fault.rawValue.padding(toLength: 20, withPad: " ", startingAt: 0)
            say("  \(name) \(faults.count) times, median \(median), at most \(most)")
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
        say("runs: \(starts), repeated because of faults \(seen.repeatedRuns); at most \(seen.peakMiB) MiB a process")
    }

    private func sayVerdict(_ isKept: Bool, _ stores: Stores) async throws {
        let lost = try await number(
            """
            SELECT count(*) FROM torture.accepted LEFT JOIN millrace.job_rows AS job USING (id)
            WHERE job.id IS NULL OR job.state < 'completed'
            """, stores)
        let twice = try await number(
            """
            SELECT count(*) FROM (
              SELECT job FROM torture.history WHERE state >= 'completed' GROUP BY job HAVING count(*) > 1) AS twice
            """, stores)
        say("\(isKept ? "KEPT" : "BROKEN"): lost \(lost), recorded twice \(twice); seed \(settings.seed)")
    }

    private func number(_ sql: String, _ stores: Stores) async throws -> Int {
        try await stores.rows(sql, within: 600).first.flatMap { Int($0) } ?? 0
    }
}
