// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One program on the model and on a ledger that is empty when it begins.
final class LedgerRun {
    struct Failure {
        let index: Int
        let model: String
        let subject: String
    }

    private struct Side {
        let ledger: any JobLedger
        let now: () async throws -> Timestamp
    }

    private let comparedSubject: any LedgerSubject
    private let clock: TestClock
    private let model: Side
    private let subject: Side
    private let ids: [JobID]
    private let queues: [QueueName] = ["comparison-a", "comparison-b"]
    private let kinds: [JobKind] = ["comparison.one", "comparison.two"]

    init(subject: any LedgerSubject, seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let start = try await subject.now()
        let clock = TestClock(start: start)
        self.clock = clock
        comparedSubject = subject
        model = Side(ledger: MemoryLedger(clock: clock)) { clock.timestamp }
        self.subject = Side(ledger: subject.ledger) { try await subject.now() }
        ids = (0..<LedgerStep.jobCount).map { JobID(at: start + .milliseconds(-1000 * $0), using: &generator) }
    }

    /// The first difference; nil when there is none.
    func failure(of program: [LedgerStep]) async throws -> Failure? {
        for side in [model, subject] {
            for queue in queues { try await side.ledger.ensureQueue(queue) }
        }
        var last: LedgerStep?
        for (index, step) in program.enumerated() {
            let step = if case .again = step { last } else { step }
            guard let step else { continue }
            last = step
            let answers = try await run(step)
            if answers.model != answers.subject {
                return Failure(index: index, model: answers.model, subject: answers.subject)
            }
            let states = try await (state(of: model), state(of: subject))
            if states.0 != states.1 {
                let (mine, theirs) = (Set(states.0), Set(states.1))
                return Failure(
                    index: index, model: states.0.filter { !theirs.contains($0) }.joined(separator: "; "),
                    subject: states.1.filter { !mine.contains($0) }.joined(separator: "; "))
            }
        }
        return nil
    }

    private func run(_ step: LedgerStep) async throws -> (model: String, subject: String) {
        switch step {
        case .pass(let tens):
            clock.advance(by: .seconds(tens * 600))
            try await comparedSubject.advanceClock(by: .seconds(tens * 600))
            return ("", "")
        case .accept(let entries, let key, let digest):
            return await both { side in
                let idempotency = key.map {
                    Idempotency(scope: "scope", key: "key \($0)", requestDigest: [digest], answer: [digest, UInt8($0)])
                }
                let jobs = try await self.jobs(entries, now: side.now())
                return "\(try await side.ledger.accept(Submission(jobs: jobs, idempotency: idempotency)))"
            }
        case .claim(let entries, let process):
            let process = ProcessID(number: UInt64(process))
            let requests = entries.map { entry in
                let token = LeaseToken(reservedAtMicroseconds: entry.token, process: process, lane: .normal)
                return ClaimRequest(
                    lease: Lease(id: ids[entry.job], queue: queue(of: entry.job), token: token),
                    isForced: entry.isForced, isAlone: entry.isAlone)
            }
            return await both { side in
                "\(try await side.ledger.claim(requests, process: process).map(Self.described))"
            }
        case .adopt(let entries, let process):
            var seen: Set<Int> = []
            let entries = entries.filter { seen.insert($0.job).inserted }
            return await both { side in
                let now = try await side.now()
                try await side.ledger.adopt(entries.map { self.unrecorded($0, process, now: now) })
                return ""
            }
        case .record(let entries):
            let rows = try await model.ledger.jobs(ids)
            var seen: Set<Int> = []
            let entries = entries.filter { seen.insert($0.job).inserted }
            return await both { side in
                let now = try await side.now()
                let outcomes = entries.map { entry in
                    let row = rows[self.ids[entry.job]]
                    let isFirst = entry.isUnclaimed && row == nil
                    let attempt = isFirst ? 1 : max(1, (row?.attempt ?? 0) + entry.attemptOffset)
                    let first = LedgerStep.AdoptedEntry(job: entry.job, standing: .running, token: 30, dueTens: 0)
                    return Outcome(
                        id: self.ids[entry.job], attempt: attempt, ending: entry.ending,
                        unclaimed: entry.isUnclaimed ? self.unrecorded(first, 1, now: now) : nil)
                }
                return "\(try await side.ledger.record(outcomes).map(Self.described))"
            }
        case .blame(let process, let wasAlone, let isCertain):
            let process = ProcessID(number: UInt64(process))
            let running = try await model.ledger.jobs(ids).filter {
                $0.value.state == .running && $0.value.worker == process
            }
            let crash = ProcessCrash(
                process: process, alone: wasAlone ? running.keys.min() : nil, report: "ended by SIGILL",
                isCertain: isCertain)
            return await both { side in
                let blame = try await side.ledger.blame(crash)
                return "suspects \(blame.suspects.map { "\($0)" }.sorted()) buried \(blame.buried)"
            }
        default:
            return await runSimple(step)
        }
    }

    /// A job as the broker's copy of it tells the ledger.
    ///
    /// It says when it is due: else it would be due since its id was made, and where time passes by what rows say alone, as in
    /// `advanceClock` of a real store, ids grow no older.
    private func unrecorded(_ entry: LedgerStep.AdoptedEntry, _ process: Int, now: Timestamp) -> UnrecordedJob {
        let number = entry.job
        let job = NewJob(
            id: ids[number], kind: kinds[number % kinds.count], queue: queue(of: number),
            priority: Priority.allCases[number % 4], payload: Array("{\"adopted\":\(number)}".utf8),
            dueAt: now + .seconds(entry.dueTens * 600), maxAttempts: 1 + number % 3)
        return UnrecordedJob(
            job, entry.standing,
            token: entry.token.map {
                LeaseToken(reservedAtMicroseconds: $0, process: ProcessID(number: UInt64(process)), lane: .normal)
            })
    }

    private func runSimple(_ step: LedgerStep) async -> (model: String, subject: String) {
        await both { [queues, ids, kinds] side in
            let ledger = side.ledger
            switch step {
            case .cancel(let job): return "\(try await ledger.cancel(ids[job]))"
            case .flagAgain(let job): try await ledger.flagAgain([ids[job]])
            case .reopen(let job): return "\(try await ledger.reopen(ids[job]))"
            case .clearFlags(let jobs):
                let pushed = try await ledger.pushable(jobs.map { ids[$0] }, bytesMax: 1 << 20)
                try await ledger.clearFlags(Dictionary(pushed.map { ($0.job.id, $0.version) }) { $1 })
            case .setPaused(let isPaused, let queue): try await ledger.setPaused(isPaused, queue: queues[queue])
            case .establishEpoch(let queue):
                return "\(try await ledger.establishEpoch(of: queues[queue], serverID: "established"))"
            case .raiseEpoch(let queue, let goesOn):
                let raised = try await ledger.raiseEpoch(of: queues[queue], serverID: "raised", goesOn: goesOn)
                // In the steps in which time passes here.
                return "\(raised.epoch) \(raised.waited.map { "waited \($0.milliseconds / 600_000)" } ?? "")"
            case .beginWait(let queue, let isPresent):
                let epoch = try await ledger.queues().first { $0.queue == queues[queue] }?.epoch
                try await ledger.beginWait(
                    of: queues[queue], epoch: Epoch(number: (epoch?.number ?? 0) + (isPresent ? 0 : 1)))
            case .setPoolCount(let count, let pool): try await ledger.setPoolCount(count, pool: "pool \(pool)")
            case .maintain:
                try await ledger.maintain()
                return "\(try await ledger.expire(limit: Limits.storeBatchMax).sorted { $0.id < $1.id })"
            case .list(let state, let queue, let kind, let limit):
                var query = JobQuery(
                    queue: queue.map { queues[$0] }, state: state, kind: kind.map { kinds[$0] }, limit: limit)
                var listed: [JobID] = []
                repeat {
                    let page = try await ledger.list(query)
                    listed += page.jobs.map(\.id)
                    query.before = page.next
                } while query.before != nil
                return "\(listed)"
            case .accept, .claim, .adopt, .record, .blame, .pass, .again: break
            }
            return ""
        }
    }

    /// Runs a verb on both; an error is an answer.
    private func both(_ verb: (Side) async throws -> String) async -> (model: String, subject: String) {
        var answers: [String] = []
        for side in [model, subject] {
            do {
                try await answers.append(verb(side))
            } catch let error as LedgerError {
                answers.append("error \(error.code) at \(error.index ?? -1)")
            } catch {
                answers.append("\(error)")
            }
        }
        return (answers[0], answers[1])
    }

    private func queue(of job: Int) -> QueueName { queues[job % queues.count] }

    private func jobs(_ entries: [LedgerStep.NewEntry], now: Timestamp) -> [NewJob] {
        var seen: Set<Int> = []
        return entries.filter { seen.insert($0.job).inserted }.map { entry in
            NewJob(
                id: ids[entry.job], kind: kinds[entry.job / 2 % 2], queue: queue(of: entry.job),
                priority: Priority.allCases[entry.job % 4],
                payload: Array((entry.isPoison ? "{" : "[\(entry.job)]").utf8),
                dueAt: entry.dueTens.map { now + .seconds($0 * 600) },
                expiresAt: entry.expiresTens.map { now + .seconds($0 * 600) }, maxAttempts: 1 + entry.job % 4)
        }
    }

    /// All that can be asked, line by line, in one order.
    private func state(of side: Side) async throws -> [String] {
        let now = try await side.now()
        let ledger = side.ledger
        func tens(_ timestamp: Timestamp?) -> String {
            timestamp.map { Self.tens($0 - now) } ?? "never"
        }
        func described(_ entry: UnfinishedJob) -> String {
            let token = entry.lastToken.map { "\($0.bytes)" } ?? "none"
            return "\(entry.id) of \(entry.queue) token \(token) running \(entry.isRunning)"
        }
        func described(_ entry: PushableJob) -> String {
            let job = entry.job
            return """
                \(job.id) of \(entry.queue) \(job.priority) in \(Self.tens(max(job.delay, .zero))) \
                token \(job.lastToken.map { "\($0.bytes)" } ?? "none") \
                suspect \(job.isSuspect) \
                expires \(tens(job.envelope.expiresAt)) payload \(job.envelope.payload)
                """
        }

        let records = try await ledger.jobs(ids)
        var lines = records.values.sorted { $0.id < $1.id }.map { row in
            let errors = row.errors.map { "\($0.attempt) \($0.message.prefix(22))" }
            return """
                \(row.id) \(row.queue) \(row.kind) \(row.priority) \(row.state) \(row.attempt)/\(row.failures)/\(row.crashes) \
                suspect \(row.isSuspect) \
                of \(row.maxAttempts) due \(tens(row.dueAt)) expires \(tens(row.expiresAt)) started \(tens(row.startedAt)) \
                finished \(tens(row.finishedAt)) by \(row.worker.map { "\($0)" } ?? "nobody") \
                payload \(row.payload) result \(row.result ?? []) errors \(errors) \
                steps \(row.steps.map { "\($0.name) \($0.attempt) \($0.resultBytes)" })
                """
        }
        lines += try await ledger.flagged(limit: 100).map { "flagged: \(described($0))" }
        let pages = try await (
            ledger.unfinished(age: .seconds(-600) ..< .seconds(30 * 86_400), in: nil, after: nil, limit: 3),
            ledger.unfinished(
                age: .seconds(-600) ..< .seconds(30 * 86_400), in: nil,
                after: records[ids[10]].map {
                    UnfinishedJob(
                        id: $0.id, queue: $0.queue, lastToken: nil, isRunning: false, priority: $0.priority)
                }, limit: 100)
        )
        lines += pages.0.map { "among the first three: \(described($0))" }
        lines += pages.1.map { "after the eleventh: \(described($0))" }
        lines += try await ledger.pushable(ids, bytesMax: 40).map { "first pushed: \(described($0))" }
        lines += try await ledger.summaries(ids) == records.mapValues(\.summary) ? [] : ["summaries differ"]
        lines += try await ledger.flaggedCounts().filter { $0.value.count > 0 }.map {
            "\($0.key) has \($0.value) flags"
        }
        .sorted()
        lines += try await ledger.queues().map { "\($0)" }.sorted()
        lines += try await ledger.poolCounts().map { "\($0.key) is to have \($0.value)" }.sorted()
        return lines
    }

    private static func described(_ verdict: ClaimVerdict) -> String {
        if case .notDue(let left) = verdict { return "not due for \(tens(left))" }
        return "\(verdict)"
    }

    /// Of a row that waits for its time a repeated outcome may say what was written, or what it is by now.
    private static func described(_ verdict: RecordVerdict) -> String {
        verdict == .settled(.scheduled) ? "\(RecordVerdict.settled(.ready))" : "\(verdict)"
    }

    /// To the nearest ten minutes, as real time passes while a program runs.
    private static func tens(_ duration: Duration) -> String {
        "\(Int((Double(duration.milliseconds) / 600_000).rounded()))0 min"
    }
}
