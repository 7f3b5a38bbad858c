// SPDX-License-Identifier: Apache-2.0

import Millrace

/// The rows of a ledger as a pure value: what the ledger's verbs do to many jobs, each of which follows `JobLifecycle`.
///
/// Change together: `Queries/*.sql` of MillracePostgres, `LedgerConformance`.
struct MemoryTable: Sendable {
    private struct Row {
        var job: NewJob
        var createdAt: Timestamp
        var life: JobLifecycle {
            didSet { if life != oldValue { version += 1 } }
        }
        var version: Int64 = 1

        /// The ledger does not hear of promotion, so the state of an unclaimed row follows from its due time.
        func state(now: Timestamp) -> JobState {
            guard life.state == .scheduled || life.state == .ready else { return life.state }
            return life.dueAt > now ? .scheduled : .ready
        }

        func summary(now: Timestamp) -> JobSummary {
            JobSummary(
                id: job.id, queue: job.queue, kind: job.kind, priority: job.priority, state: state(now: now),
                attempt: life.attempt, failures: life.failures, crashes: life.crashes,
                isSuspect: life.isSuspect, maxAttempts: life.maxAttempts,
                timeout: job.timeout, tags: job.tags, createdAt: createdAt, dueAt: life.dueAt,
                expiresAt: life.expiresAt, startedAt: life.startedAt, finishedAt: life.finishedAt, worker: life.worker)
        }

        func record(now: Timestamp) -> JobRecord {
            JobRecord(
                summary(now: now), payload: job.payload, result: life.result, errors: life.errors,
                steps: life.steps.map(RememberedStep.init))
        }

        var unfinished: UnfinishedJob {
            UnfinishedJob(
                id: job.id, queue: job.queue, lastToken: life.token, isRunning: life.state == .running,
                priority: job.priority)
        }

        func pushable(now: Timestamp) -> PushableJob {
            var current = job
            current.expiresAt = life.expiresAt
            return PushableJob(
                queue: job.queue,
                job: QueuedJob(
                    id: job.id, priority: job.priority, delay: max(life.dueAt - now, .zero),
                    envelope: JobEnvelope(of: current), lastToken: life.token, isSuspect: life.isSuspect),
                version: RowVersion(number: version))
        }
    }

    private struct Answer {
        var idempotency: Idempotency
        var givenAt: Timestamp
    }

    private struct Caller: Hashable {
        var scope: String
        var key: String
    }

    /// Rows that one page of a listing reads, at most.
    private static let listedRowsMax = 10_000

    private var rows: [JobID: Row] = [:]
    private var answers: [Caller: Answer] = [:]
    var queues: [QueueName: QueueSettings] = [:]
    var poolCounts: [String: Int] = [:]
    var apiKeys: [APIKeyID: APIKey] = [:]
    /// Since when the rebuild of an epoch waits for live workers.
    private var waits: [QueueName: (epoch: Epoch, since: Timestamp)] = [:]

    // MARK: - The life of a job

    mutating func accept(_ submission: Submission, now: Timestamp) throws(LedgerError) -> Acceptance {
        precondition((1...Limits.batchJobsMax).contains(submission.jobs.count), "a submission has 1 to 10,000 jobs")
        if let idempotency = submission.idempotency {
            let caller = Caller(scope: idempotency.scope, key: idempotency.key)
            if let answer = answers[caller], now - answer.givenAt < Limits.idempotencyRetention {
                guard answer.idempotency.requestDigest == idempotency.requestDigest else {
                    throw LedgerError(.keyReused, "the idempotency key was used for another request")
                }
                return .replayed(answer.idempotency.answer)
            }
        }
        for (index, job) in submission.jobs.enumerated() { try Self.check(job, index, now: now) }
        for job in submission.jobs where rows[job.id] == nil {
            var job = job
            job.durability = .postgres
            var life = JobLifecycle(of: job, now: now)
            life.isFlagged = life.isFlagged || submission.isFlagged
            rows[job.id] = Row(job: job, createdAt: now, life: life)
            ensureQueue(job.queue)
        }
        if let idempotency = submission.idempotency {
            answers[Caller(scope: idempotency.scope, key: idempotency.key)] = Answer(
                idempotency: idempotency, givenAt: now)
        }
        return .accepted
    }

    mutating func claim(_ requests: [ClaimRequest], process: ProcessID, now: Timestamp) -> [ClaimVerdict] {
        precondition(requests.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) claims in one call")
        let newest = Dictionary(grouping: requests, by: \.lease.id).compactMapValues { $0.map(\.lease.token).max() }
        return requests.map { request in
            let id = request.lease.id
            guard var row = rows[id] else { return now - id.time > Limits.retention ? .pruned : .missing }
            guard request.lease.token == newest[id] else { return .stale }
            let verdict = row.life.claim(
                request.lease.token, isForced: request.isForced, isAlone: request.isAlone, process: process,
                isPaused: queues[row.job.queue]?.isPaused ?? false, now: now)
            rows[id] = row
            return verdict
        }
    }

    mutating func adopt(_ jobs: [UnrecordedJob], now: Timestamp) throws(LedgerError) {
        precondition(jobs.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) jobs in one call")
        for unrecorded in jobs { try Self.checkData(of: unrecorded.job) }
        for unrecorded in jobs where rows[unrecorded.job.id] == nil {
            let createdAt = min(unrecorded.job.id.time, now)
            rows[unrecorded.job.id] = Row(
                job: unrecorded.job, createdAt: createdAt, life: JobLifecycle(of: unrecorded, now: now))
            ensureQueue(unrecorded.job.queue)
        }
    }

    mutating func record(_ outcomes: [Outcome], now: Timestamp) throws(LedgerError) -> [RecordVerdict] {
        for unclaimed in outcomes.compactMap(\.unclaimed) { try adopt([unclaimed], now: now) }
        return outcomes.map { outcome in
            guard var row = rows[outcome.id] else { return .fenced }
            let verdict = row.life.record(Self.storable(outcome.ending), attempt: outcome.attempt, now: now)
            rows[outcome.id] = row
            return verdict
        }
    }

    mutating func recordStep(
        _ name: String, result: [UInt8], of id: JobID, attempt: Int, now: Timestamp
    ) -> StepVerdict {
        rows[id]?.life.recordStep(name, result: result, attempt: attempt, now: now) ?? .fenced
    }

    func steps(of id: JobID) -> [RecordedStep] {
        rows[id]?.life.steps ?? []
    }

    mutating func cancel(_ id: JobID, now: Timestamp) -> CancelVerdict {
        guard var row = rows[id] else { return .missing }
        let before = row.life.state
        guard row.life.cancel(now: now) else { return .final(before, queue: row.job.queue, token: row.life.token) }
        rows[id] = row
        return .cancelled(queue: row.job.queue, token: row.life.token, wasRunning: before == .running)
    }

    mutating func flagAgain(_ id: JobID) {
        rows[id]?.life.flagAgain()
        rows[id]?.version += 1
    }

    mutating func reopen(_ id: JobID, now: Timestamp) -> ReopenVerdict {
        guard var row = rows[id] else { return .missing }
        guard row.life.reopen(now: now) else { return .notFinal(row.state(now: now)) }
        rows[id] = row
        return .reopened(queue: row.job.queue)
    }

    mutating func blame(_ crash: ProcessCrash, now: Timestamp) -> Blame {
        let ids = (crash.alone.map { [$0] } ?? sortedIDs).filter {
            rows[$0]?.life.isRunning(in: crash.process) == true
        }
        var blame = Blame()
        for id in ids {
            guard var row = rows[id], let token = row.life.token else { continue }
            row.life.crash(crash, now: now)
            row.life.errors = row.life.errors.map {
                RecordedError(attempt: $0.attempt, at: $0.at, message: Self.cut($0.message))
            }
            rows[id] = row
            let lease = Lease(id: id, queue: row.job.queue, token: token)
            if row.life.state == .dead { blame.buried.append(lease) } else { blame.suspects.append(lease) }
        }
        return blame
    }

    // MARK: - What is pushed

    func flagged(limit: Int, now: Timestamp) -> [UnfinishedJob] {
        let waiting = rows.values.filter { $0.life.isFlagged && $0.life.dueAt - now <= Limits.pushAheadMax }
        let chosen = Dictionary(grouping: waiting, by: \.job.queue).values
            .flatMap { Self.turns($0).enumerated().map { (turn: $0.offset, row: $0.element) } }
            .sorted {
                ($0.turn, $0.row.life.dueAt, $0.row.job.id) < ($1.turn, $1.row.life.dueAt, $1.row.job.id)
            }
            .prefix(limit).map(\.row)
        return
            chosen.sorted {
                ($0.job.queue, $0.job.priority.rawValue, $0.job.id) < (
                    $1.job.queue, $1.job.priority.rawValue, $1.job.id
                )
            }
            .map(\.unfinished)
    }

    /// One queue's rows as they take turns in a page: each priority gives sixteen times as many as the next, and its first one.
    private static func turns(_ rows: [Row]) -> [Row] {
        Dictionary(grouping: rows, by: \.job.priority).flatMap { priority, lane in
            lane.sorted { ($0.life.dueAt, $0.job.id) < ($1.life.dueAt, $1.job.id) }
                .enumerated().map { (weight: $0.offset << (4 * Int(priority.rawValue)), row: $0.element) }
        }
        .sorted { ($0.weight, $0.row.job.priority.rawValue) < ($1.weight, $1.row.job.priority.rawValue) }
        .map(\.row)
    }

    func pushable(_ ids: [JobID], bytesMax: Int, now: Timestamp) -> [PushableJob] {
        precondition(ids.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) ids in one call")
        var jobs: [PushableJob] = []
        var bytes = 0
        for row in ids.compactMap({ rows[$0] }) where !row.life.state.isFinal && bytes < bytesMax {
            jobs.append(row.pushable(now: now))
            bytes += row.job.payload.count
        }
        return jobs
    }

    mutating func clearFlags(_ pushed: [JobID: RowVersion]) {
        for (id, version) in pushed where rows[id]?.version == version.number { rows[id]?.life.isFlagged = false }
    }

    func unfinished(
        age: Range<Duration>, in queue: QueueName?, after: UnfinishedJob?, limit: Int, now: Timestamp
    ) -> [UnfinishedJob] {
        let found = rows.values.filter { row in
            !row.life.isFlagged && !row.life.state.isFinal && age.contains(now - row.job.id.time)
                && (queue ?? row.job.queue) == row.job.queue
                && (after.map { ($0.queue, $0.id) < (row.job.queue, row.job.id) } ?? true)
        }
        return found.sorted { ($0.job.queue, $0.job.id) < ($1.job.queue, $1.job.id) }.prefix(limit).map(\.unfinished)
    }

    // MARK: - What is shown

    func summaries(_ ids: [JobID], now: Timestamp) -> [JobID: JobSummary] {
        var summaries: [JobID: JobSummary] = [:]
        for id in ids { summaries[id] = rows[id]?.summary(now: now) }
        return summaries
    }

    func jobs(_ ids: [JobID], now: Timestamp) -> [JobID: JobRecord] {
        var records: [JobID: JobRecord] = [:]
        for id in ids { records[id] = rows[id]?.record(now: now) }
        return records
    }

    func list(_ query: JobQuery, now: Timestamp) -> JobPage {
        var older = sortedIDs.reversed().drop { id in query.before.map { id >= $0 } ?? false }[...]
        var jobs: [JobSummary] = []
        var last: JobID?
        var read = 0
        while jobs.count < query.limit, read < Self.listedRowsMax, let id = older.popFirst() {
            read += 1
            last = id
            guard let job = rows[id]?.summary(now: now), query.admits(job) else { continue }
            jobs.append(job)
        }
        return JobPage(jobs: jobs, next: older.isEmpty ? nil : last)
    }

    func flaggedCounts() -> [QueueName: FlaggedCount] {
        Dictionary(grouping: rows.values.filter(\.life.isFlagged), by: \.job.queue).mapValues { FlaggedCount($0.count) }
    }

    func finishedCounts(now: Timestamp) -> [QueueName: FinishedCounts] {
        var counts: [QueueName: FinishedCounts] = [:]
        for row in rows.values {
            guard let age = row.life.finishedAt.map({ now - $0 }), age < .seconds(86_400) else { continue }
            let isRecent = age < .seconds(3600)
            switch row.life.state {
            case .completed:
                counts[row.job.queue, default: FinishedCounts()].completedLastDay += 1
                if isRecent { counts[row.job.queue, default: FinishedCounts()].completedLastHour += 1 }
            case .dead:
                counts[row.job.queue, default: FinishedCounts()].deadLastDay += 1
                if isRecent { counts[row.job.queue, default: FinishedCounts()].deadLastHour += 1 }
            case .scheduled, .waiting, .ready, .running, .cancelled:
                break
            }
        }
        return counts
    }

    // MARK: - Queues

    mutating func ensureQueue(_ queue: QueueName) {
        if queues[queue] == nil { queues[queue] = QueueSettings(queue: queue) }
    }

    mutating func setPaused(_ isPaused: Bool, queue: QueueName) {
        ensureQueue(queue)
        queues[queue]?.isPaused = isPaused
    }

    mutating func establishEpoch(of queue: QueueName, serverID: String) -> Epoch {
        ensureQueue(queue)
        if let epoch = queues[queue]?.epoch { return epoch }
        let epoch = Epoch(number: 1)
        queues[queue]?.epoch = epoch
        queues[queue]?.serverID = serverID
        return epoch
    }

    mutating func raiseEpoch(of queue: QueueName, serverID: String, goesOn: Bool, now: Timestamp) -> RaisedEpoch {
        ensureQueue(queue)
        let before = queues[queue]
        let epoch = Epoch(number: (before?.epoch?.number ?? 0) + 1)
        queues[queue]?.epoch = epoch
        queues[queue]?.serverID = serverID
        guard goesOn, before?.serverID == serverID, let wait = waits[queue], wait.epoch == before?.epoch else {
            waits[queue] = nil
            return RaisedEpoch(epoch: epoch)
        }
        waits[queue] = (epoch, wait.since)
        return RaisedEpoch(epoch: epoch, waited: now - wait.since)
    }

    mutating func beginWait(of queue: QueueName, epoch: Epoch, now: Timestamp) {
        if queues[queue]?.epoch == epoch { waits[queue] = (epoch, now) }
    }

    mutating func maintain(now: Timestamp) {
        answers = answers.filter { now - $0.value.givenAt < Limits.idempotencyRetention }
        rows = rows.filter { !$0.value.life.state.isFinal || now - $0.key.time <= Limits.retention }
        forgetAPIKeys(now: now)
    }

    mutating func expire(limit: Int, now: Timestamp) -> [ExpiredJob] {
        var expired: [ExpiredJob] = []
        for id in sortedIDs where expired.count < limit {
            guard let row = rows[id], rows[id]?.life.expire(now: now) == true else { continue }
            expired.append(ExpiredJob(id: id, queue: row.job.queue, token: row.life.token))
        }
        return expired
    }

    // MARK: - Private

    private var sortedIDs: [JobID] { rows.keys.sorted() }

    private static func check(_ job: NewJob, _ index: Int, now: Timestamp) throws(LedgerError) {
        guard now - job.id.time <= Limits.idBehindMax, job.id.time - now <= Limits.idAheadMax else {
            throw LedgerError(
                .rejected, "id \(job.id) was made more than a day ago or more than five minutes ahead", index: index)
        }
        try checkData(of: job, index)
    }

    private static func checkData(of job: NewJob, _ index: Int? = nil) throws(LedgerError) {
        do throws(JSONError) {
            _ = try JSONText(checking: job.payload, nestingMax: Limits.nestingMax)
        } catch {
            throw LedgerError(.rejected, "payload of job \(job.id): \(error)", sqlState: "22P02", index: index)
        }
        guard !(job.tags + [job.trace ?? ""]).contains(where: { $0.utf8.contains(0) }) else {
            throw LedgerError(.rejected, "a NUL character in job \(job.id)", sqlState: "22021", index: index)
        }
    }

    /// What a column of JSON cannot hold becomes a death with a reason; errors are cut to their limit.
    private static func storable(_ ending: Outcome.Ending) -> Outcome.Ending {
        switch ending {
        case .completed(let result):
            do throws(JSONError) {
                _ = try JSONText(checking: result, nestingMax: Limits.nestingMax)
                return ending
            } catch {
                return .dead(error: "result cannot be stored: \(error)")
            }
        case .dead(let error): return .dead(error: cut(error))
        case .retry(let delay, let error): return .retry(after: delay, error: cut(error))
        case .snooze, .release: return ending
        }
    }

    private static func cut(_ error: String) -> String {
        guard error.utf8.count > Limits.errorBytesMax else { return error }
        var bytes = error.utf8.prefix(Limits.errorBytesMax)
        while !bytes.isEmpty {
            if let text = String(validating: bytes, as: UTF8.self) { return text }
            bytes = bytes.dropLast()
        }
        return ""
    }
}

extension JobQuery {
    fileprivate func admits(_ job: JobSummary) -> Bool {
        (queue ?? job.queue) == job.queue && visibleQueues?.contains(job.queue) ?? true
            && (state ?? job.state) == job.state && (kind ?? job.kind) == job.kind
    }
}
