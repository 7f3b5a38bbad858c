// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization

/// A broker that counts its subscriptions, and can be made to answer nothing at all.
final class CountingBroker: JobBroker {
    let base: MemoryBroker
    private let state = Mutex((subscriptions: 0, isStalled: false))
    /// What happens before a cancellation gets here.
    private let beforeCancel: @Sendable (JobID) async -> Void

    init(_ base: MemoryBroker, beforeCancel: @escaping @Sendable (JobID) async -> Void = { _ in }) {
        self.base = base
        self.beforeCancel = beforeCancel
    }

    var subscriptions: Int { state.withLock { $0.subscriptions } }

    /// From now on calls hang until they are cancelled.
    func stall() {
        state.withLock { $0.isStalled = true }
    }

    func announcements() -> AsyncStream<Announcement> {
        state.withLock { $0.subscriptions += 1 }
        return base.announcements()
    }

    private func pass() async throws(BrokerError) {
        guard state.withLock({ $0.isStalled }) else { return }
        await hangUntilCancelled()
        throw BrokerError(.cancelled, "hung until it was cancelled")
    }

    func reserveSuspect(
        from queue: QueueName, epoch: Epoch, process: ProcessID
    ) async throws(BrokerError) -> Reservation {
        try await pass()
        return try await base.reserveSuspect(from: queue, epoch: epoch, process: process)
    }

    func quarantine(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try await pass()
        return try await base.quarantine(leases, in: queue)
    }

    func enqueue(_ jobs: [QueuedJob], into queue: QueueName) async throws(BrokerError) -> [EnqueueVerdict] {
        try await pass()
        return try await base.enqueue(jobs, into: queue)
    }

    func reserve(
        _ limit: Int, from queue: QueueName, epoch: Epoch, process: ProcessID, backwards: Bool
    ) async throws(BrokerError) -> Reservation {
        try await base.reserve(limit, from: queue, epoch: epoch, process: process, backwards: backwards)
    }

    func complete(
        _ leases: [Lease], in queue: QueueName, announcing finished: [JobID]
    ) async throws(BrokerError) -> [Bool] {
        try await base.complete(leases, in: queue, announcing: finished)
    }

    func retry(_ items: [(lease: Lease, delay: Duration)], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try await base.retry(items, in: queue)
    }

    func release(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try await base.release(leases, in: queue)
    }

    func extend(
        _ leases: [Lease], in queue: QueueName, epoch: Epoch, by duration: Duration
    ) async throws(BrokerError) -> [LeaseStatus] {
        try await base.extend(leases, in: queue, epoch: epoch, by: duration)
    }

    func redeclare(
        _ jobs: [LeasedJob], in queue: QueueName, by duration: Duration
    ) async throws(BrokerError) -> [Bool] {
        try await base.redeclare(jobs, in: queue, by: duration)
    }

    func reclaim(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Int {
        try await base.reclaim(limit, in: queue)
    }

    func releaseAll(of process: ProcessID, in queue: QueueName) async throws(BrokerError) -> Int {
        try await base.releaseAll(of: process, in: queue)
    }

    func promote(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Promotion {
        try await base.promote(limit, in: queue)
    }

    func cancel(_ id: JobID, token: LeaseToken?, in queue: QueueName) async throws(BrokerError) {
        try await pass()
        await beforeCancel(id)
        try await base.cancel(id, token: token, in: queue)
    }

    func find(_ id: JobID) async throws(BrokerError) -> FoundJob? {
        try await pass()
        return try await base.find(id)
    }

    func knows(_ ids: [JobID], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try await base.knows(ids, in: queue)
    }

    func configure(_ queue: QueueName, isPaused: Bool, epoch: Epoch?) async throws(BrokerError) {
        try await pass()
        try await base.configure(queue, isPaused: isPaused, epoch: epoch)
    }

    func epoch(of queue: QueueName) async throws(BrokerError) -> Epoch? {
        try await base.epoch(of: queue)
    }

    func serverID() async throws(BrokerError) -> String {
        try await pass()
        return try await base.serverID()
    }

    func memory() async throws(BrokerError) -> BrokerMemory {
        try await pass()
        return try await base.memory()
    }

    func status(of queues: [QueueName]) async throws(BrokerError) -> [QueueStatus] {
        try await pass()
        return try await base.status(of: queues)
    }

    func waitForWork(in queues: [QueueName], timeout: Duration) async throws(BrokerError) {
        try await base.waitForWork(in: queues, timeout: timeout)
    }

    func report(_ worker: WorkerReport) async throws(BrokerError) {
        try await base.report(worker)
    }

    func workers() async throws(BrokerError) -> [WorkerReport] {
        try await pass()
        return try await base.workers()
    }

    func withdraw(_ process: ProcessID) async throws(BrokerError) {
        try await base.withdraw(process)
    }
}

/// A ledger that can be made to answer nothing at all, and does not even heed cancellation then.
final class StallingLedger: JobLedger {
    private let base: MemoryLedger
    private let state = Mutex((isStalled: false, waiting: [CheckedContinuation<Void, Never>]()))

    init(_ base: MemoryLedger) {
        self.base = base
    }

    func stall() {
        state.withLock { $0.isStalled = true }
    }

    /// What hung goes on.
    func resume() {
        let waiting = state.withLock { state in
            defer { state = (false, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func pass() async {
        await withCheckedContinuation { continuation in
            let isStalled = state.withLock { state in
                if state.isStalled { state.waiting.append(continuation) }
                return state.isStalled
            }
            if !isStalled { continuation.resume() }
        }
    }

    func accept(_ submission: Submission) async throws(LedgerError) -> Acceptance {
        await pass()
        return try await base.accept(submission)
    }

    func claim(_ requests: [ClaimRequest], process: ProcessID) async throws(LedgerError) -> [ClaimVerdict] {
        try await base.claim(requests, process: process)
    }

    func adopt(_ jobs: [UnrecordedJob]) async throws(LedgerError) {
        try await base.adopt(jobs)
    }

    func record(_ outcomes: [Outcome]) async throws(LedgerError) -> [RecordVerdict] {
        try await base.record(outcomes)
    }

    func recordStep(
        _ name: String, result: [UInt8], of id: JobID, attempt: Int
    ) async throws(LedgerError) -> StepVerdict {
        try await base.recordStep(name, result: result, of: id, attempt: attempt)
    }

    func steps(of id: JobID) async throws(LedgerError) -> [RecordedStep] {
        try await base.steps(of: id)
    }

    func summaries(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobSummary] {
        await pass()
        return try await base.summaries(ids)
    }

    func pushable(_ ids: [JobID], bytesMax: Int) async throws(LedgerError) -> [PushableJob] {
        try await base.pushable(ids, bytesMax: bytesMax)
    }

    func jobs(_ ids: [JobID]) async throws(LedgerError) -> [JobID: JobRecord] {
        await pass()
        return try await base.jobs(ids)
    }

    func list(_ query: JobQuery) async throws(LedgerError) -> JobPage {
        await pass()
        return try await base.list(query)
    }

    func cancel(_ id: JobID) async throws(LedgerError) -> CancelVerdict {
        await pass()
        return try await base.cancel(id)
    }

    func flagAgain(_ ids: [JobID]) async throws(LedgerError) {
        await pass()
        try await base.flagAgain(ids)
    }

    func reopen(_ id: JobID) async throws(LedgerError) -> ReopenVerdict {
        await pass()
        return try await base.reopen(id)
    }

    func flagged(limit: Int) async throws(LedgerError) -> [UnfinishedJob] {
        try await base.flagged(limit: limit)
    }

    func clearFlags(_ pushed: [JobID: RowVersion]) async throws(LedgerError) {
        try await base.clearFlags(pushed)
    }

    func unfinished(
        age: Range<Duration>, in queue: QueueName?, after: UnfinishedJob?, limit: Int
    ) async throws(LedgerError) -> [UnfinishedJob] {
        try await base.unfinished(age: age, in: queue, after: after, limit: limit)
    }

    func blame(_ crash: ProcessCrash) async throws(LedgerError) -> Blame {
        try await base.blame(crash)
    }

    func flaggedCounts() async throws(LedgerError) -> [QueueName: FlaggedCount] {
        try await base.flaggedCounts()
    }

    func finishedCounts() async throws(LedgerError) -> [QueueName: FinishedCounts] {
        try await base.finishedCounts()
    }

    func maintain() async throws(LedgerError) {
        try await base.maintain()
    }

    func expire(limit: Int) async throws(LedgerError) -> [ExpiredJob] {
        try await base.expire(limit: limit)
    }

    func check() async throws(LedgerError) {
        await pass()
        try await base.check()
    }

    func queues() async throws(LedgerError) -> [QueueSettings] {
        await pass()
        return try await base.queues()
    }

    func ensureQueue(_ queue: QueueName) async throws(LedgerError) {
        try await base.ensureQueue(queue)
    }

    func setPaused(_ isPaused: Bool, queue: QueueName) async throws(LedgerError) {
        try await base.setPaused(isPaused, queue: queue)
    }

    func establishEpoch(of queue: QueueName, serverID: String) async throws(LedgerError) -> Epoch {
        try await base.establishEpoch(of: queue, serverID: serverID)
    }

    func raiseEpoch(
        of queue: QueueName, serverID: String, goesOn: Bool
    ) async throws(LedgerError) -> RaisedEpoch {
        try await base.raiseEpoch(of: queue, serverID: serverID, goesOn: goesOn)
    }

    func beginWait(of queue: QueueName, epoch: Epoch) async throws(LedgerError) {
        try await base.beginWait(of: queue, epoch: epoch)
    }

    func lockRebuild(of queue: QueueName) async throws(LedgerError) -> (any RebuildLock)? {
        try await base.lockRebuild(of: queue)
    }

    func poolCounts() async throws(LedgerError) -> [String: Int] {
        await pass()
        return try await base.poolCounts()
    }

    func setPoolCount(_ count: Int?, pool: String) async throws(LedgerError) {
        try await base.setPoolCount(count, pool: pool)
    }

    func addAPIKey(_ key: APIKey) async throws(LedgerError) {
        try await base.addAPIKey(key)
    }

    func apiKeys() async throws(LedgerError) -> [APIKey] {
        await pass()
        return try await base.apiKeys()
    }

    func revokeAPIKey(_ id: APIKeyID) async throws(LedgerError) -> Bool {
        try await base.revokeAPIKey(id)
    }
}

/// A stream that nobody ever feeds ends when its consumer is cancelled.
private func hangUntilCancelled() async {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    for await _ in stream {}
    continuation.finish()
}
