// SPDX-License-Identifier: Apache-2.0

/// One job's row as a pure value, and the rules by which it changes.
///
/// This is the definition of what the ledger does: the memory ledger applies it directly, the model checks it, and the SQL of
/// `MillracePostgres` says the same for many rows at once.
///
/// - `attempt` grows by one, in a claim, and nowhere else.
/// - Every later write carries its attempt; a write with another changes nothing.
/// - A final state is left by `reopen` only.
/// - A suspect is claimed alone or not at all, until a run of it has ended in an orderly way, which acquits it.
///
/// Change together: `claim-jobs.sql`, `record-outcomes.sql`, `adopt-jobs.sql`, `record-step.sql`, `cancel-job.sql`,
/// `expire-jobs.sql`, `flag-again.sql`, `reopen-job.sql`, `mark-suspects.sql`, `blame-process.sql`.
package struct JobLifecycle: Sendable, Equatable {
    package var state: JobState
    package var attempt = 0
    package var failures = 0
    package var crashes = 0
    /// It was running when its process crashed, or lost its run without a known cause more often than happens to anybody.
    package var isSuspect = false
    /// Lone runs that ended with their process, since one ended in an orderly way.
    package var loneRuns = 0
    package var maxAttempts: Int
    package var dueAt: Timestamp
    package var expiresAt: Timestamp?
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    /// The token of the last claim.
    package var token: LeaseToken?
    /// The process of the last claim.
    package var worker: ProcessID?
    package var result: [UInt8]?
    package var errors: [RecordedError] = []
    package var steps: [RecordedStep] = []
    /// Waits to be pushed by the relay.
    package var isFlagged: Bool

    package init(of job: NewJob, now: Timestamp) {
        dueAt = job.dueAt.map { max($0, now) } ?? now
        state = dueAt > now ? .scheduled : .ready
        maxAttempts = job.maxAttempts
        expiresAt = job.expiresAt
        isFlagged = dueAt - now > Limits.pushAheadMax
    }

    /// A job that the ledger takes in as it stands.
    package init(of unrecorded: UnrecordedJob, now: Timestamp) {
        self.init(of: unrecorded.job, now: now)
        isFlagged = false
        let createdAt = min(unrecorded.job.id.time, now)
        dueAt = max(unrecorded.job.dueAt ?? createdAt, createdAt)
        attempt = unrecorded.attempt
        token = unrecorded.token
        worker = unrecorded.token?.process
        startedAt = unrecorded.startedAt.map { min($0, now) }
        switch unrecorded.standing {
        case .ready: break
        case .running: state = .running
        case .cancelled: finish(.cancelled, now: now)
        }
    }

    package mutating func claim(
        _ token: LeaseToken, isForced: Bool, isAlone: Bool = false, process: ProcessID, isPaused: Bool, now: Timestamp
    ) -> ClaimVerdict {
        if state.isFinal { return .final(state) }
        // It may have become a suspect since this claim was granted, and its handler has not started.
        if state == .running, self.token == token { return isSuspect && !isAlone ? .suspect : .run(granted) }
        if let newest = self.token, newest >= token, !isForced { return .stale }
        if isPaused { return .paused }
        if let expiresAt, expiresAt <= now { return finish(.cancelled, now: now) }
        if failures >= maxAttempts { return finish(.dead, now: now) }
        if state != .running, dueAt > now { return .notDue(dueAt - now) }
        // The run that was lost counts when the next one begins: its holder may still be alive and record.
        if state == .running, crashes >= Limits.unexplainedCrashesMax { isSuspect = true }
        if isSuspect, !isAlone { return .suspect }
        if state == .running { crashes += 1 }
        state = .running
        attempt += 1
        self.token = token
        worker = process
        isFlagged = false
        startedAt = now
        return .run(granted)
    }

    package mutating func record(_ ending: Outcome.Ending, attempt: Int, now: Timestamp) -> RecordVerdict {
        guard attempt == self.attempt else { return .fenced }
        guard state == .running else { return .settled(state) }
        // Whatever else it did, it did not crash.
        if ending != .release { (isSuspect, loneRuns) = (false, 0) }
        switch ending {
        case .completed(let result):
            self.result = result
            finish(.completed, now: now)
        case .dead(let error):
            fail(error, now: now)
            finish(.dead, now: now)
        case .retry(let delay, let error):
            fail(error, now: now)
            if failures >= maxAttempts { finish(.dead, now: now) } else { schedule(now + delay, now: now) }
        case .snooze(let delay):
            schedule(now + delay, now: now)
        case .release:
            state = .ready
        }
        return .recorded(state)
    }

    package mutating func recordStep(
        _ name: String, result: [UInt8], attempt: Int, now: Timestamp
    ) -> StepVerdict {
        guard attempt == self.attempt, state == .running else { return .fenced }
        if !steps.contains(where: { $0.name == name }) {
            steps.append(RecordedStep(name: name, attempt: attempt, at: now, result: result))
        }
        return .recorded
    }

    /// True when it was cancelled now.
    package mutating func cancel(now: Timestamp) -> Bool {
        if state.isFinal { return false }
        finish(.cancelled, now: now)
        return true
    }

    /// True when it was cancelled now, since it may not begin any more.
    package mutating func expire(now: Timestamp) -> Bool {
        guard !state.isFinal, state != .running, let expiresAt, expiresAt <= now else { return false }
        finish(.cancelled, now: now)
        return true
    }

    /// For the relay to push it again, where it is nobody's: see ``JobLedger/flagAgain(_:)``.
    package mutating func flagAgain() {
        if !state.isFinal, state != .running { isFlagged = true }
    }

    /// True when it was opened now.
    package mutating func reopen(now: Timestamp) -> Bool {
        guard state.isFinal else { return false }
        state = .ready
        (failures, crashes, isSuspect, loneRuns) = (0, 0, false, 0)
        (result, finishedAt, expiresAt) = (nil, nil, nil)
        dueAt = now
        isFlagged = true
        return true
    }

    package func isRunning(in process: ProcessID) -> Bool {
        state == .running && worker == process
    }

    /// What the crash of its process makes of a job that was running in it, among others or, as the crash may say, alone.
    package mutating func crash(_ crash: ProcessCrash, now: Timestamp) {
        crashes += 1
        isFlagged = false
        if crash.alone != nil {
            loneRuns += 1
            guard !crash.isCertain, loneRuns < Limits.loneRunsMax else {
                append(crash.lastReport, now: now)
                finish(.dead, now: now)
                return
            }
            append(crash.report, now: now)
        }
        isSuspect = true
        state = .ready
    }

    private var granted: Claim {
        Claim(attempt: attempt, failures: failures, maxAttempts: maxAttempts)
    }

    private mutating func schedule(_ due: Timestamp, now: Timestamp) {
        state = due > now ? .scheduled : .ready
        dueAt = due
    }

    private mutating func fail(_ error: String, now: Timestamp) {
        failures += 1
        append(error, now: now)
    }

    private mutating func append(_ error: String, now: Timestamp) {
        errors.append(RecordedError(attempt: attempt, at: now, message: error))
        if errors.count > Limits.errorsMax { errors.remove(at: 1) }
    }

    @discardableResult
    private mutating func finish(_ final: JobState, now: Timestamp) -> ClaimVerdict {
        state = final
        finishedAt = now
        isFlagged = false
        return .final(final)
    }
}
