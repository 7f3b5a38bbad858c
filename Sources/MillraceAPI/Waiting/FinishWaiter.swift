// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import Synchronization

/// Lets requests wait for the end of a job.
///
/// However many wait, there is one subscription to the broker's announcements, and the ledger is read for all of them
/// in batches: once for each who comes, after it has been entered here, so that no end between the two is missed; when
/// the end is announced; when announcements may have been missed; and every few seconds besides, since an end that the
/// broker never heard of is never announced.
///
/// Change together: `JobBroker.announcements`, `FinishWaiterTests`.
final class FinishWaiter: Sendable {
    /// What a wait came to.
    enum Ending: Sendable {
        /// Its final state is in the ledger.
        case finished(JobRecord)
        /// It had not ended at the deadline, or when the caller or the server went away; as it was read last.
        case unfinished(JobSummary?)
        /// The ledger has no such job.
        case missing
        /// The ledger could not be read even once.
        case unreadable(LedgerError)
        /// Too many wait already.
        case refused
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Ending, Never>
        /// The job is there, whatever the ledger says until it has ended.
        let mayLackRow: Bool
        var lastSeen: JobSummary?
    }

    private struct State {
        var nextNumber: UInt64 = 0
        /// Numbers given out whose callers are on their way in.
        var expected: Set<UInt64> = []
        var waiters: [JobID: [UInt64: Waiter]] = [:]
        var count = 0
        /// To be read from the ledger.
        var unread: Set<JobID> = []
        var isClosed = false

        mutating func remove(_ id: JobID) -> [Waiter] {
            guard let waiters = waiters.removeValue(forKey: id) else { return [] }
            count -= waiters.count
            return Array(waiters.values)
        }

        /// Those who wait for no longer, as there is no such job.
        mutating func removeMissing(_ id: JobID) -> [Waiter] {
            let (patient, missing) = ((waiters[id] ?? [:]).filter(\.value.mayLackRow), remove(id))
            guard !patient.isEmpty else { return missing }
            waiters[id] = patient
            count += patient.count
            return missing.filter { !$0.mayLackRow }
        }

        mutating func note(_ job: JobSummary) {
            for number in waiters[job.id]?.keys.map({ $0 }) ?? [] { waiters[job.id]?[number]?.lastSeen = job }
        }
    }

    private static let wholeJobsMax = 16

    private let state = Mutex(State())
    private let stores: Stores
    private let broker: any JobBroker
    private let limit: Int
    private let pollInterval: Duration
    private let logger: Logger
    /// Rung when there is something to read; one ring waits.
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(stores: Stores, broker: any JobBroker, limit: Int, pollInterval: Duration, logger: Logger) {
        self.stores = stores
        self.broker = broker
        self.limit = limit
        self.pollInterval = pollInterval
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many wait now.
    var count: Int { state.withLock { $0.count } }

    /// Waits until a job has ended, at most for `duration`. A cancelled caller leaves at once.
    ///
    /// - Parameter mayLackRow: the caller knows that there is such a job, of which the ledger may hear when it has ended.
    func wait(for id: JobID, atMost duration: Duration, mayLackRow: Bool = false) async -> Ending {
        let number = state.withLock { state in
            state.nextNumber += 1
            state.expected.insert(state.nextNumber)
            return state.nextNumber
        }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends early with the group, and with the caller's task; leaving twice does nothing.
                try? await Task.sleep(for: duration)
                self.leave(id, number)
            }
            let ending = await withCheckedContinuation { enter(id, number, mayLackRow, $0) }
            group.cancelAll()
            return ending
        }
    }

    /// A job as the ledger has it now, for who has waited in vain: what a wait saw last may be seconds old. nil when the
    /// ledger does not answer, or has no such job.
    func current(_ id: JobID) async -> JobRecord? {
        let jobs = await stores.ledgerResult { (ledger) throws(LedgerError) in try await ledger.jobs([id]) }
        return (try? jobs.get())?[id]
    }

    /// Follows the announcements and reads for those who wait, until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.listen() }
            group.addTask { await self.poll() }
            group.addTask { for await _ in self.bell { await self.read() } }
        }
        close()
    }

    /// Ends all waits with what was read last, and those that come later at once.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { (state.waiters, state.count) = ([:], 0) }
            return state.waiters.values.flatMap(\.values)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .unfinished(waiter.lastSeen)) }
    }

    private func enter(
        _ id: JobID, _ number: UInt64, _ mayLackRow: Bool, _ continuation: CheckedContinuation<Ending, Never>
    ) {
        let refusal: Ending? = state.withLock { state in
            // Where it is expected no more, its deadline was here before it.
            guard state.expected.remove(number) != nil, !state.isClosed else { return .unfinished(nil) }
            guard state.count < limit else { return .refused }
            state.waiters[id, default: [:]][number] = Waiter(continuation: continuation, mayLackRow: mayLackRow)
            state.count += 1
            state.unread.insert(id)
            return nil
        }
        if let refusal { continuation.resume(returning: refusal) } else { ring.yield() }
    }

    private func leave(_ id: JobID, _ number: UInt64) {
        let waiter: Waiter? = state.withLock { state in
            if state.expected.remove(number) != nil { return nil }
            guard let waiter = state.waiters[id]?.removeValue(forKey: number) else { return nil }
            if state.waiters[id]?.isEmpty == true { state.waiters[id] = nil }
            state.count -= 1
            return waiter
        }
        waiter?.continuation.resume(returning: .unfinished(waiter?.lastSeen))
    }

    private func listen() async {
        while !Task.isCancelled {
            for await announcement in broker.announcements() {
                switch announcement {
                case .finished(let ids): wantRead(ids)
                case .cancelled(let id, _): wantRead([id])
                case .resubscribed: wantReadOfAll()
                }
            }
            // A broker ends the stream only when it closes itself.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func poll() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: pollInterval)
            wantReadOfAll()
        }
    }

    private func wantRead(_ ids: [JobID]) {
        let isAwaited = state.withLock { state in
            let awaited = ids.filter { state.waiters[$0] != nil }
            state.unread.formUnion(awaited)
            return !awaited.isEmpty
        }
        if isAwaited { ring.yield() }
    }

    private func wantReadOfAll() {
        let isAnyone = state.withLock { state in
            state.unread.formUnion(state.waiters.keys)
            return !state.unread.isEmpty
        }
        if isAnyone { ring.yield() }
    }

    /// Reads all that is to be read, a batch at a time.
    private func read() async {
        while !Task.isCancelled {
            let ids = state.withLock { state in
                let ids = Array(state.unread.prefix(Limits.storeBatchMax))
                state.unread.subtract(ids)
                return ids
            }
            guard !ids.isEmpty else { return }
            switch await stores.ledgerResult({ (ledger) throws(LedgerError) in try await ledger.summaries(ids) }) {
            case .success(let jobs):
                let ended = ids.filter { jobs[$0]?.state.isFinal == true }
                note(ids.filter { jobs[$0]?.state.isFinal != true }, jobs)
                await readWhole(ended)
            case .failure(let error): endUnread(ids, error)
            }
        }
    }

    /// Reads jobs that have ended with their results, a few at a time: one may have half a mebibyte.
    private func readWhole(_ ids: [JobID]) async {
        for start in stride(from: 0, to: ids.count, by: Self.wholeJobsMax) {
            let some = Array(ids[start..<min(start + Self.wholeJobsMax, ids.count)])
            switch await stores.ledgerResult({ (ledger) throws(LedgerError) in try await ledger.jobs(some) }) {
            case .success(let jobs): settle(some, jobs)
            case .failure(let error): endUnread(some, error)
            }
        }
    }

    /// Ends the waits for jobs that do not exist, and remembers how the others stand.
    private func note(_ ids: [JobID], _ jobs: [JobID: JobSummary]) {
        var missing: [Waiter] = []
        state.withLock { state in
            for id in ids {
                guard let job = jobs[id] else {
                    missing += state.removeMissing(id)
                    continue
                }
                state.note(job)
            }
        }
        for waiter in missing { waiter.continuation.resume(returning: .missing) }
    }

    /// Ends the waits for jobs that have ended or do not exist.
    private func settle(_ ids: [JobID], _ jobs: [JobID: JobRecord]) {
        var endings: [(CheckedContinuation<Ending, Never>, Ending)] = []
        state.withLock { state in
            for id in ids {
                guard let job = jobs[id] else {
                    endings += state.removeMissing(id).map { ($0.continuation, .missing) }
                    continue
                }
                if job.state.isFinal {
                    endings += state.remove(id).map { ($0.continuation, .finished(job)) }
                } else {
                    state.note(job.summary)
                }
            }
        }
        for (continuation, ending) in endings { continuation.resume(returning: ending) }
    }

    /// Who was read once waits on through an outage; who comes during one is told at once.
    private func endUnread(_ ids: [JobID], _ error: LedgerError) {
        logger.debug("awaited jobs cannot be read", metadata: [.count: "\(ids.count)", .error: "\(error)"])
        var unread: [Waiter] = []
        state.withLock { state in
            for id in ids {
                for (number, waiter) in state.waiters[id] ?? [:] where waiter.lastSeen == nil {
                    state.waiters[id]?[number] = nil
                    state.count -= 1
                    unread.append(waiter)
                }
                if state.waiters[id]?.isEmpty == true { state.waiters[id] = nil }
            }
        }
        for waiter in unread { waiter.continuation.resume(returning: .unreadable(error)) }
    }
}
