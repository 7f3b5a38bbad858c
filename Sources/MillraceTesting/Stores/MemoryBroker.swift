// SPDX-License-Identifier: Apache-2.0

public import Millrace
import Synchronization

/// A broker in this process's memory, for tests: exact, deterministic, and able to fail on demand.
///
/// It is also the model that the others are compared with.
public final class MemoryBroker: JobBroker {
    /// The verbs that can be made to fail.
    public enum Verb: String, Sendable, CaseIterable {
        case enqueue, reserve, complete, retry, release, extend, redeclare, reclaim, releaseAll, promote, cancel, find
        case knows, reserveSuspect, quarantine, configure, epoch, serverID, memory, status, waitForWork, report
        case workers, withdraw
    }

    private struct Waiter {
        let number: UInt64
        let queues: [QueueName]
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var queues: [QueueName: MemoryQueue] = [:]
        var bells: Set<QueueName> = []
        var waiters: [Waiter] = []
        var reports: [String: (report: WorkerReport, at: Timestamp)] = [:]
        var listeners: [UInt64: AsyncStream<Announcement>.Continuation] = [:]
        var starts = 1
        var bytesMax: Int?
        var lastNumber: UInt64 = 0
        var lastMicros: UInt64 = 0

        /// As one that takes no more for a job than its envelope.
        var memory: BrokerMemory {
            BrokerMemory(
                usedBytes: queues.values.reduce(0) { $0 + $1.envelopeBytes }, bytesMax: bytesMax,
                liveJobs: queues.values.reduce(0) { $0 + $1.liveJobs })
        }

        mutating func nextNumber() -> UInt64 {
            lastNumber += 1
            return lastNumber
        }
    }

    private let state = Mutex(State())
    private let clock: any StoreClock
    private let faults = FaultInjector<Verb, BrokerError>()
    private static let reportRetention: Duration = .seconds(30)
    private static let announcementsMax = 4096

    public init(clock: any StoreClock = SystemClock()) {
        self.clock = clock
    }

    // MARK: - Failing on demand

    /// Makes the next calls of a verb fail; faults of one verb queue up.
    public func fail(_ verb: Verb, times: Int = 1, _ moment: FaultMoment = .beforeEffect, with error: BrokerError) {
        faults.fail(verb, times: times, moment, with: error)
    }

    /// Every call fails from now on, and does nothing.
    public func takeAway(with error: BrokerError = BrokerError(.unavailable, "taken away")) {
        faults.setAbsence(error)
    }

    /// Calls reach the store again; subscribers are told that they may have missed something.
    public func bringBack() {
        faults.setAbsence(nil)
        announce(.resubscribed)
    }

    /// All data are gone; it is still the same server.
    public func flush() {
        state.withLock { state in
            state.queues = [:]
            state.bells = []
            state.reports = [:]
        }
    }

    /// The server started anew, with its data as they were.
    public func restart() {
        state.withLock { $0.starts += 1 }
        announce(.resubscribed)
    }

    /// Pushes are refused that would take more than so much memory; nil, as at first, for none.
    public func setBytesMax(_ bytes: Int?) {
        state.withLock { $0.bytesMax = bytes }
    }

    /// How often a verb was called, failed calls included.
    public func calls(of verb: Verb) -> Int { faults.calls(of: verb) }

    // MARK: - The life of a job

    public func enqueue(_ jobs: [QueuedJob], into queue: QueueName) async throws(BrokerError) -> [EnqueueVerdict] {
        let isFull = state.withLock { state in state.bytesMax.map { state.memory.usedBytes >= $0 } ?? false }
        return try change(.enqueue, queue, items: jobs.count) { (entry, now) throws(BrokerError) in
            if isFull { throw BrokerError(.full, "OOM: no memory is left") }
            var taken: Set<JobID> = []
            return jobs.map { job in
                let verdict = entry.enqueue(job, isRepeated: taken.contains(job.id), now: now)
                if verdict == .enqueued { taken.insert(job.id) }
                return verdict
            }
        }
    }

    public func reserve(
        _ limit: Int, from queue: QueueName, epoch: Epoch, process: ProcessID, backwards: Bool
    ) async throws(BrokerError) -> Reservation {
        let micros = nextMicros()
        return try change(.reserve, queue, items: limit) { (entry, now) throws(BrokerError) in
            try Self.check(epoch, of: entry)
            return entry.reserve(
                limit, process: process, micros: micros, backwards: backwards, now: now)
        }
    }

    public func reserveSuspect(
        from queue: QueueName, epoch: Epoch, process: ProcessID
    ) async throws(BrokerError) -> Reservation {
        let micros = nextMicros()
        return try change(.reserveSuspect, queue) { (entry, now) throws(BrokerError) in
            try Self.check(epoch, of: entry)
            return entry.reserveSuspect(process: process, micros: micros, now: now)
        }
    }

    public func quarantine(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try change(.quarantine, queue, items: leases.count) { entry, _ in leases.map { entry.quarantine($0) } }
    }

    public func complete(
        _ leases: [Lease], in queue: QueueName, announcing finished: [JobID]
    ) async throws(BrokerError) -> [Bool] {
        let answers = try change(.complete, queue, items: leases.count) { entry, _ in
            leases.map { entry.complete($0) }
        } afterwards: {
            if !finished.isEmpty { self.announce(.finished(finished)) }
        }
        return answers
    }

    public func retry(
        _ items: [(lease: Lease, delay: Duration)], in queue: QueueName
    ) async throws(BrokerError) -> [Bool] {
        try change(.retry, queue, items: items.count) { entry, now in
            items.map { entry.retry($0.lease, delay: $0.delay, now: now) }
        }
    }

    public func release(_ leases: [Lease], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try change(.release, queue, items: leases.count) { entry, _ in entry.release(leases) }
    }

    public func extend(
        _ leases: [Lease], in queue: QueueName, epoch: Epoch, by duration: Duration
    ) async throws(BrokerError) -> [LeaseStatus] {
        try change(.extend, queue, items: leases.count) { entry, now in
            leases.map { entry.extend($0, epoch: epoch, by: duration, now: now) }
        }
    }

    public func redeclare(
        _ jobs: [LeasedJob], in queue: QueueName, by duration: Duration
    ) async throws(BrokerError) -> [Bool] {
        try change(.redeclare, queue, items: jobs.count) { entry, now in
            jobs.map { entry.redeclare($0, by: duration, now: now) }
        }
    }

    public func reclaim(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Int {
        try change(.reclaim, queue, items: limit) { entry, now in entry.reclaim(limit, now: now) }
    }

    public func releaseAll(of process: ProcessID, in queue: QueueName) async throws(BrokerError) -> Int {
        try change(.releaseAll, queue) { entry, _ in entry.releaseAll(of: process) }
    }

    public func promote(_ limit: Int, in queue: QueueName) async throws(BrokerError) -> Promotion {
        try change(.promote, queue, items: limit) { entry, now in entry.promote(limit, now: now) }
    }

    public func cancel(_ id: JobID, token: LeaseToken?, in queue: QueueName) async throws(BrokerError) {
        try change(.cancel, queue) { entry, _ in
            entry.cancel(id, token: token)
        } afterwards: {
            self.announce(.cancelled(id, token))
        }
    }

    public func find(_ id: JobID) async throws(BrokerError) -> FoundJob? {
        try perform(.find) { state, now in
            state.queues.values.sorted { $0.name < $1.name }.lazy.compactMap { $0.find(id, now: now) }.first
        }
    }

    public func knows(_ ids: [JobID], in queue: QueueName) async throws(BrokerError) -> [Bool] {
        try change(.knows, queue, items: ids.count) { entry, _ in ids.map(entry.knows) }
    }

    // MARK: - Queues

    public func configure(_ queue: QueueName, isPaused: Bool, epoch: Epoch?) async throws(BrokerError) {
        try change(.configure, queue) { entry, _ in entry.configure(isPaused: isPaused, epoch: epoch) }
    }

    public func epoch(of queue: QueueName) async throws(BrokerError) -> Epoch? {
        try change(.epoch, queue) { entry, _ in entry.epoch }
    }

    public func serverID() async throws(BrokerError) -> String {
        try perform(.serverID) { state, _ in "memory-\(state.starts)" }
    }

    public func memory() async throws(BrokerError) -> BrokerMemory {
        try perform(.memory) { state, _ in state.memory }
    }

    public func status(of queues: [QueueName]) async throws(BrokerError) -> [QueueStatus] {
        try perform(.status) { state, _ in
            queues.map { (state.queues[$0] ?? MemoryQueue(name: $0)).status() }
        }
    }

    public func waitForWork(in queues: [QueueName], timeout: Duration) async throws(BrokerError) {
        let failure = try faults.begin(.waitForWork)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForBell(of: queues) }
            group.addTask {
                // A cancelled sleep has done its part: the bell rang.
                try? await self.clock.sleep(for: timeout)
            }
            await group.next()
            group.cancelAll()
        }
        if let failure { throw failure }
        if Task.isCancelled { throw BrokerError(.cancelled, "the caller was cancelled while it waited for work") }
    }

    // MARK: - Workers and announcements

    public func report(_ worker: WorkerReport) async throws(BrokerError) {
        try perform(.report) { state, now in state.reports[worker.process] = (worker, now) }
    }

    public func workers() async throws(BrokerError) -> [WorkerReport] {
        try perform(.workers) { state, now in
            state.reports = state.reports.filter { now - $0.value.at <= Self.reportRetention }
            return state.reports.values.map { entry in
                var report = entry.report
                report.silence = now - entry.at
                return report
            }.sorted { $0.process < $1.process }
        }
    }

    public func withdraw(_ process: ProcessID) async throws(BrokerError) {
        try perform(.withdraw) { state, _ in state.reports["\(process)"] = nil }
    }

    public func announcements() -> AsyncStream<Announcement> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Announcement.self, bufferingPolicy: .bufferingNewest(Self.announcementsMax))
        let number = state.withLock { state in
            let number = state.nextNumber()
            state.listeners[number] = continuation
            return number
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in state.listeners[number] = nil }
        }
        continuation.yield(.resubscribed)
        return stream
    }

    /// The queue as it is, for comparisons.
    func queue(_ name: QueueName) -> MemoryQueue {
        state.withLock { $0.queues[name] ?? MemoryQueue(name: name) }
    }

    // MARK: - Private

    private static func check(_ epoch: Epoch, of entry: MemoryQueue) throws(BrokerError) {
        guard entry.epoch != epoch else { return }
        throw BrokerError(
            .epochMismatch,
            "queue \(entry.name) has epoch \(entry.epoch.map { "\($0.number)" } ?? "none"), not \(epoch.number)")
    }

    private func announce(_ announcement: Announcement) {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(announcement) }
    }

    /// Applies a verb to one queue, rings if it made work takeable, and fails where a fault says so.
    private func change<Answer: Sendable>(
        _ verb: Verb, _ queue: QueueName, items: Int = 0,
        _ effect: (inout MemoryQueue, Timestamp) throws(BrokerError) -> Answer, afterwards: () -> Void = {}
    ) throws(BrokerError) -> Answer {
        precondition(items <= Limits.storeBatchMax, "at most \(Limits.storeBatchMax) items in one call")
        let failure = try faults.begin(verb)
        let now = clock.timestamp
        let (answer, waiter): (Answer, Waiter?) = try state.withLock { (state) throws(BrokerError) in
            var entry = state.queues[queue] ?? MemoryQueue(name: queue)
            let answer = try effect(&entry, now)
            let rings = entry.rings
            entry.rings = false
            state.queues[queue] = entry
            return (answer, rings ? Self.ring(queue, &state) : nil)
        }
        waiter?.continuation.resume()
        afterwards()
        if let failure { throw failure }
        return answer
    }

    private func perform<Answer: Sendable>(
        _ verb: Verb, _ effect: (inout State, Timestamp) -> Answer
    ) throws(BrokerError) -> Answer {
        let failure = try faults.begin(verb)
        let now = clock.timestamp
        let answer = state.withLock { effect(&$0, now) }
        if let failure { throw failure }
        return answer
    }

    /// Microseconds of the store's clock, moved on so that no two reservations share a token.
    private func nextMicros() -> UInt64 {
        let micros = UInt64(clamping: clock.timestamp.unixMilliseconds) * 1000
        return state.withLock { state in
            state.lastMicros = max(micros, state.lastMicros + 1)
            return state.lastMicros
        }
    }

    /// The waiter that a ring wakes; nobody waits: the bell keeps it.
    private static func ring(_ queue: QueueName, _ state: inout State) -> Waiter? {
        guard let index = state.waiters.firstIndex(where: { $0.queues.contains(queue) }) else {
            state.bells.insert(queue)
            return nil
        }
        return state.waiters.remove(at: index)
    }

    private func waitForBell(of queues: [QueueName]) async {
        let number = state.withLock { $0.nextNumber() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let isOver = state.withLock { state in
                    if Task.isCancelled { return true }
                    if let rung = queues.first(where: state.bells.contains) {
                        state.bells.remove(rung)
                        return true
                    }
                    state.waiters.append(Waiter(number: number, queues: queues, continuation: continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume()
        }
    }
}
