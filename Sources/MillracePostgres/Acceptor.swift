// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import PostgresDriver
import Synchronization

/// Accepts submissions: those that come at the same time share a transaction, and one that is refused falls out of it
/// alone.
///
/// Ids are checked by the server's clock before anything is sent. When the server refuses the data of a batch, its
/// halves are written apart until the submission at fault stands alone; then the job at fault is searched the same way,
/// in transactions that are rolled back.
///
/// While the ledger does not answer, submissions are refused at once but for one at a time (`OutageGate`).
///
/// Change together: `insert-jobs.sql`, `insert-keys.sql`, `JobWriter`.
final class Acceptor: Sendable {
    private struct Item: Sendable {
        let submission: Submission
        let deadline: ContinuousClock.Instant
        let pass: OutageGate.Pass
    }

    /// Given to the batches as well: a caller that leaves does not see what becomes of its own.
    private final class Gate: Sendable {
        private let state = Mutex(OutageGate())

        func enter() -> OutageGate.Pass? { state.withLock { $0.enter() } }
        func leave(_ pass: OutageGate.Pass, _ sight: OutageGate.Sight) { state.withLock { $0.leave(pass, sight) } }
    }

    private typealias Answer = Result<Acceptance, LedgerError>

    private let committer: GroupCommitter<Item, Acceptance>
    private let timeout: Duration
    private let gate: Gate
    /// Where batches are put together, whoever submits.
    private let thread = ThreadExecutor()

    init(
        pool: PostgresPool, clock: ServerClock, knownQueues: KnownQueues, waitingJobsMax: Int, timeout: Duration,
        logger: Logger
    ) {
        self.timeout = timeout
        let gate = Gate()
        self.gate = gate
        let writer = BatchWriter(pool: pool, clock: clock, knownQueues: knownQueues, logger: logger)
        committer = GroupCommitter(
            batchWeightMax: Self.batchWeightMax, waitingWeightMax: waitingJobsMax, writersMax: Self.writersMax,
            executor: DelegatingTaskExecutor { [thread] in thread.execute($0) }
        ) { items in
            let answers = await Self.write(items, by: writer)
            for (item, answer) in zip(items, answers) { gate.leave(item.pass, Self.sight(answer)) }
            return answers
        }
    }

    deinit { thread.stop() }

    /// Jobs, and kilobytes of payload: enough for the cost of a commit to vanish, and few enough for an answer in
    /// milliseconds.
    private static let batchWeightMax = 1000
    /// One builds its batch while the other commits.
    private static let writersMax = 2
    /// A submission with less time left is told so at once: surely nothing was written.
    private static let timeLeftMin: Duration = .milliseconds(100)

    /// Many jobs take longer than one.
    private static let timeoutPerJob: Duration = .microseconds(200)

    func accept(_ submission: Submission) async throws(LedgerError) -> Acceptance {
        let weight = submission.jobs.reduce(0) { $0 + 1 + $1.payload.count / 1024 }
        let deadline = ContinuousClock.now + timeout + Self.timeoutPerJob * weight
        guard let pass = gate.enter() else {
            throw LedgerError(
                .unavailable, "the ledger does not answer; another submission is finding out whether it is back")
        }
        do throws(LedgerError) {
            return try await committer.submit(
                Item(submission: submission, deadline: deadline, pass: pass), weight: weight)
        } catch {
            // What was not admitted is in no batch.
            if error.code == .overloaded { gate.leave(pass, .unasked) }
            throw error
        }
    }

    private static func sight(_ answer: Answer) -> OutageGate.Sight {
        guard case .failure(let error) = answer else { return .answered }
        return switch error.code {
        case .unavailable, .outcomeUnknown: .silent
        case .overloaded, .cancelled: .unasked
        default: .answered
        }
    }

    private static func write(_ items: [Item], by writer: BatchWriter) async -> [Answer] {
        let now = ContinuousClock.now
        let timely = items.indices.filter { items[$0].deadline - now >= timeLeftMin }
        var answers = [Answer](
            repeating: .failure(LedgerError(.unavailable, "the ledger was too slow to begin with it in time")),
            count: items.count)
        guard let limit = timely.map({ items[$0].deadline }).min() else { return answers }
        let written = await writer.write(timely.map { items[$0].submission }, until: limit)
        for (index, answer) in zip(timely, written) { answers[index] = answer }
        return answers
    }
}
