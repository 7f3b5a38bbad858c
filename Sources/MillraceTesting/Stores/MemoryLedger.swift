// SPDX-License-Identifier: Apache-2.0

public import Millrace
import Synchronization

/// A ledger in this process's memory, for tests: exact, deterministic, and able to fail on demand.
///
/// It is also the model that the others are compared with.
public final class MemoryLedger: JobLedger {
    /// The verbs that can be made to fail.
    public enum Verb: String, Sendable, CaseIterable {
        case accept, claim, adopt, record, recordStep, steps, summaries, jobs, list, cancel, flagAgain, reopen, flagged
        case clearFlags, pushable, unfinished, blame, flaggedCounts
        case finishedCounts, maintain, expire, check, queues, ensureQueue, setPaused, establishEpoch, raiseEpoch
        case beginWait, lockRebuild, poolCounts, setPoolCount, addAPIKey, apiKeys, revokeAPIKey
    }

    private struct State {
        var table = MemoryTable()
        /// The number of the lock that holds each queue's rebuild.
        var locks: [QueueName: UInt64] = [:]
        var lastLock: UInt64 = 0
    }

    private let state = Mutex(State())
    private let clock: any StoreClock
    private let faults = FaultInjector<Verb, LedgerError>()

    public init(clock: any StoreClock = SystemClock()) {
        self.clock = clock
    }

    // MARK: - Failing on demand

    /// Makes the next calls of a verb fail; faults of one verb queue up.
    public func fail(_ verb: Verb, times: Int = 1, _ moment: FaultMoment = .beforeEffect, with error: LedgerError) {
        faults.fail(verb, times: times, moment, with: error)
    }

    /// Every call fails from now on, and does nothing.
    public func takeAway(with error: LedgerError = LedgerError(.unavailable, "taken away")) {
        faults.setAbsence(error)
    }

    /// Calls reach the store again.
    public func bringBack() {
        faults.setAbsence(nil)
    }

    /// Ends all rights to rebuild, as the loss of their connections would.
    public func breakRebuildLocks() {
        state.withLock { $0.locks = [:] }
    }

    /// How often a verb was called, failed calls included.
    public func calls(of verb: Verb) -> Int { faults.calls(of: verb) }

    // MARK: - The life of a job

    public func accept(_ submission: Submission) async throws(LedgerError) -> Acceptance {
        try perform(.accept) { (table, now) throws(LedgerError) in try table.accept(submission, now: now) }
    }

    public func claim(_ requests: [ClaimRequest], process: ProcessID) async throws(LedgerError) -> [ClaimVerdict] {
        try perform(.claim) { table, now in table.claim(requests, process: process, now: now) }
    }

    public func adopt(_ jobs: [UnrecordedJob]) async throws(LedgerError) {
        try perform(.adopt) { (table, now) throws(LedgerError) in try table.adopt(jobs, now: now) }
    }

    public func record(_ outcomes: [Outcome]) async throws(LedgerError) -> [RecordVerdict] {
        try perform(.record) { (table, now) throws(LedgerError) in try table.record(outcomes, now: now) }
    }

    public func recordStep(
        _ name: String, result: [UInt8], of id: JobID, attempt: Int
    ) async throws(LedgerError) -> StepVerdict {
        try perform(.recordStep) { table, now in
            table.recordStep(name, result: result, of: id, attempt: attempt, now: now)
        }
    }

    public func steps(of id: JobID) async throws(LedgerError) -> [RecordedStep] {
        try perform(.steps) { table, _ in table.steps(of: id) }
    }

    public func cancel(_ id: JobID) async throws(LedgerError) -> CancelVerdict {
        try perform(.cancel) { table, now in table.cancel(id, now: now) }
    }

    public func flagAgain(_ ids: [JobID]) async throws(LedgerError) {
        precondition(ids.count <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) ids in one call")
        try perform(.flagAgain) { table, _ in for id in Set(ids) { table.flagAgain(id) } }
    }

    public func reopen(_ id: JobID) async throws(LedgerError) -> ReopenVerdict {
        try perform(.reopen) { table, now in table.reopen(id, now: now) }
    }

    public func blame(_ crash: ProcessCrash) async throws(LedgerError) -> Blame {
        try perform(.blame) { table, now in table.blame(crash, now: now) }
    }

    // MARK: - What is pushed and shown

    public func summaries(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobSummary] {
        try perform(.summaries) { table, now in table.summaries(ids, now: now) }
    }

    public func jobs(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobRecord] {
        try perform(.jobs) { table, now in table.jobs(ids, now: now) }
    }

    public func list(_ query: JobQuery) async throws(LedgerError) -> JobPage {
        try perform(.list) { table, now in table.list(query, now: now) }
    }

    public func flagged(limit: Int) async throws(LedgerError) -> [UnfinishedJob] {
        try perform(.flagged) { table, now in table.flagged(limit: limit, now: now) }
    }

    public func clearFlags(_ pushed: [JobID: RowVersion]) async throws(LedgerError) {
        try perform(.clearFlags) { table, _ in table.clearFlags(pushed) }
    }

    public func pushable(_ ids: [JobID], bytesMax: Int) async throws(LedgerError) -> [PushableJob] {
        try perform(.pushable) { table, now in table.pushable(ids, bytesMax: bytesMax, now: now) }
    }

    public func unfinished(
        age: Range<Duration>, in queue: QueueName?, after: UnfinishedJob?, limit: Int
    ) async throws(LedgerError) -> [UnfinishedJob] {
        try perform(.unfinished) { table, now in
            table.unfinished(age: age, in: queue, after: after, limit: limit, now: now)
        }
    }

    public func flaggedCounts() async throws(LedgerError) -> [QueueName: FlaggedCount] {
        try perform(.flaggedCounts) { table, _ in table.flaggedCounts() }
    }

    public func finishedCounts() async throws(LedgerError) -> [QueueName: FinishedCounts] {
        try perform(.finishedCounts) { table, now in table.finishedCounts(now: now) }
    }

    public func maintain() async throws(LedgerError) {
        try perform(.maintain) { table, now in table.maintain(now: now) }
    }

    public func expire(limit: Int) async throws(LedgerError) -> [ExpiredJob] {
        try perform(.expire) { table, now in table.expire(limit: limit, now: now) }
    }

    public func check() async throws(LedgerError) {
        try perform(.check) { _, _ in }
    }

    // MARK: - Queues and pools

    public func queues() async throws(LedgerError) -> [QueueSettings] {
        try perform(.queues) { table, _ in table.queues.values.sorted { $0.queue < $1.queue } }
    }

    public func ensureQueue(_ queue: QueueName) async throws(LedgerError) {
        try perform(.ensureQueue) { table, _ in table.ensureQueue(queue) }
    }

    public func setPaused(_ isPaused: Bool, queue: QueueName) async throws(LedgerError) {
        try perform(.setPaused) { table, _ in table.setPaused(isPaused, queue: queue) }
    }

    public func establishEpoch(of queue: QueueName, serverID: String) async throws(LedgerError) -> Epoch {
        try perform(.establishEpoch) { table, _ in table.establishEpoch(of: queue, serverID: serverID) }
    }

    public func raiseEpoch(
        of queue: QueueName, serverID: String, goesOn: Bool
    ) async throws(LedgerError) -> RaisedEpoch {
        try perform(.raiseEpoch) { table, now in
            table.raiseEpoch(of: queue, serverID: serverID, goesOn: goesOn, now: now)
        }
    }

    public func beginWait(of queue: QueueName, epoch: Epoch) async throws(LedgerError) {
        try perform(.beginWait) { table, now in table.beginWait(of: queue, epoch: epoch, now: now) }
    }

    public func lockRebuild(of queue: QueueName) async throws(LedgerError) -> (any RebuildLock)? {
        let failure = try faults.begin(.lockRebuild)
        let number: UInt64? = state.withLock { state in
            guard state.locks[queue] == nil else { return nil }
            state.lastLock += 1
            state.locks[queue] = state.lastLock
            return state.lastLock
        }
        let lock = number.map { Lock(ledger: self, queue: queue, number: $0) }
        if let failure {
            // Whoever was not told that it has the lock lost the connection that held it.
            await lock?.release()
            throw failure
        }
        return lock
    }

    public func poolCounts() async throws(LedgerError) -> [String: Int] {
        try perform(.poolCounts) { table, _ in table.poolCounts }
    }

    public func setPoolCount(_ count: Int?, pool: String) async throws(LedgerError) {
        try perform(.setPoolCount) { table, _ in table.poolCounts[pool] = count }
    }

    // MARK: - Keys of the API

    public func addAPIKey(_ key: APIKey) async throws(LedgerError) {
        try perform(.addAPIKey) { (table, _) throws(LedgerError) in try table.addAPIKey(key) }
    }

    public func apiKeys() async throws(LedgerError) -> [APIKey] {
        try perform(.apiKeys) { table, _ in table.apiKeys.values.sorted { $0.id < $1.id } }
    }

    public func revokeAPIKey(_ id: APIKeyID) async throws(LedgerError) -> Bool {
        try perform(.revokeAPIKey) { table, now in table.revokeAPIKey(id, now: now) }
    }

    // MARK: - Private

    private func perform<Answer: Sendable>(
        _ verb: Verb, _ effect: (inout MemoryTable, Timestamp) throws(LedgerError) -> Answer
    ) throws(LedgerError) -> Answer {
        let failure = try faults.begin(verb)
        let now = clock.timestamp
        let answer = try state.withLock { (state) throws(LedgerError) in try effect(&state.table, now) }
        if let failure { throw failure }
        return answer
    }

    private struct Lock: RebuildLock {
        let ledger: MemoryLedger
        let queue: QueueName
        let number: UInt64

        func isHeld() async -> Bool {
            ledger.state.withLock { $0.locks[queue] == number }
        }

        func release() async {
            ledger.state.withLock { state in
                if state.locks[queue] == number { state.locks[queue] = nil }
            }
        }
    }
}
