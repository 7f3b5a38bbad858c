// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceAPI

/// What a job waits for, or what became of it, in plain words: a pure function of what the two stores say.
struct Explanation: Sendable {
    /// What the broker says of the job and its queue.
    struct BrokerSide: Sendable {
        var isKnown: Bool
        var status: QueueStatus
        var workforce: Workforce
        var memory: BrokerMemory
    }

    var job: JobRecord
    var isPaused: Bool
    /// Or why it does not answer.
    var broker: Result<BrokerSide, BrokerError>
    var now: Timestamp

    static func read(
        of job: JobRecord, _ stores: Stores, now: Timestamp
    ) async throws(LedgerError) -> Explanation {
        let isPaused = try await stores.ledger.queues().first { $0.queue == job.queue }?.isPaused ?? false
        let broker: Result<BrokerSide, BrokerError>
        do throws(BrokerError) {
            broker = .success(
                BrokerSide(
                    isKnown: try await stores.broker.knows([job.id], in: job.queue).first ?? false,
                    status: try await stores.broker.status(of: [job.queue]).first ?? QueueStatus(queue: job.queue),
                    workforce: Workforce(try await stores.broker.workers()), memory: try await stores.broker.memory()))
        } catch {
            broker = .failure(error)
        }
        return Explanation(job: job, isPaused: isPaused, broker: broker, now: now)
    }

    var text: String {
        switch job.state {
        case .completed: "it completed \(ago(job.finishedAt)) ago, in attempt \(job.attempt)"
        case .cancelled: "it was cancelled \(ago(job.finishedAt)) ago"
        case .dead: "it has been dead for \(ago(job.finishedAt)): \(lastError ?? "no error was kept")"
        case .running: [suspicion, running].compactMap(\.self).joined(separator: "; ")
        case .scheduled:
            [suspicion, scheduled, obstacle.map { "then it meets this: \($0)" }].compactMap(\.self)
                .joined(separator: "; ")
        case .waiting: "it is held back by a limit, or by an earlier step of its workflow"
        case .ready:
            if let suspicion { "\(suspicion); \(obstacle ?? turn)" } else { obstacle ?? position }
        }
    }

    /// Why it runs alone or not at all; nil for a job that is no suspect of a crash.
    private var suspicion: String? {
        guard job.isQuarantined else { return nil }
        let times = job.crashes == 1 ? "once" : "\(job.crashes) times"
        // Of a run alone that ended with its process the ledger keeps how.
        let error = lastError.map { "; the last error: \($0)" } ?? ""
        return
            "it is quarantined, as the process in which it ran crashed or was lost \(times), and runs alone until a run of "
            + "it ends in order\(error)"
    }

    /// A suspect's, where nothing else stands in its way.
    private var turn: String {
        guard case .success(let broker) = broker else { return "they run one after the other" }
        let count = broker.status.quarantined
        guard count > 0 else { return "a worker is about to move it to those that wait for that" }
        let isServed = broker.workforce.workers.contains { $0.isAlone && $0.queues.contains(job.queue.name) }
        return "\(count) of the queue \(job.queue) wait for that, and "
            + (isServed
                ? "a process is there that runs them one after the other"
                : "no process that is there for them gives word: \(Program.name) up starts one at once, and a process of "
                    + "\(Program.name) work by itself runs them after about half a minute")
    }

    // MARK: - By state

    private var scheduled: String {
        let wait = "due in \(DurationText.rounded(job.dueAt - now))"
        if job.failures > 0 {
            return "\(job.failures) of \(job.maxAttempts) failures, the next attempt is \(wait); the last error: "
                + (lastError ?? "none was kept")
        }
        return job.attempt > 0 ? "it was put off by its handler, and is \(wait)" : "it was submitted to be \(wait)"
    }

    private var running: String {
        guard let process = job.worker, case .success(let broker) = broker else {
            return "it runs, for \(ago(job.startedAt)) in attempt \(job.attempt)"
        }
        guard let worker = broker.workforce.workers.first(where: { $0.process == "\(process)" }) else {
            return "process \(process), which claimed it, gives no word any more: it runs again when its lease has run "
                + "out, after \(Limits.lease.text) at the most"
        }
        let place = worker.pool.map { "pool \($0), " } ?? ""
        let overtime = ago(job.startedAt, isOver: job.timeout) ? ", past its time-out of \(job.timeout.text)" : ""
        return "it runs in process \(process) (\(place)pid \(worker.pid) on \(worker.host)), for "
            + "\(ago(job.startedAt))\(overtime) in attempt \(job.attempt)"
    }

    /// Where nothing stands in its way.
    private var position: String {
        guard case .success(let broker) = broker else { return "a worker takes it within about a second" }
        let takers = broker.workforce.takers(of: job.queue)
        let slots = takers.reduce(0) { $0 + $1.concurrency }
        let ready = broker.status.readyCount
        if ready == 0 {
            return "a worker that did not know its kind, or whose claim was refused, gave it back: it is looked at "
                + "again within 5m"
        }
        if takers.reduce(0, { $0 + $1.running }) >= slots {
            return "all \(slots) slots of the \(takers.count) worker processes that take jobs from \(job.queue) are in "
                + "use, and \(ready) jobs are ready in it"
        }
        return "a worker takes it soon: \(ready) jobs are ready in \(job.queue), and slots are free"
    }

    // MARK: - What stands in its way

    private var obstacle: String? {
        if isPaused {
            return "its queue \(job.queue) is paused; \(Program.name) queues resume \(job.queue) lets it go on"
        }
        switch broker {
        case .failure(let error): return "Redis does not answer, and without it nothing starts: \(error.message)"
        case .success(let broker): return unserved(broker.workforce) ?? unpushed(broker)
        }
    }

    private func unserved(_ workforce: Workforce) -> String? {
        if workforce.workers.isEmpty {
            return "no worker process gives word: start some by \(Program.name) up, or one by \(Program.name) work"
        }
        let takers = workforce.takers(of: job.queue)
        if takers.isEmpty {
            let queues = Set(workforce.workers.filter { !$0.isDraining }.flatMap(\.queues)).sorted()
            let others = queues.isEmpty ? "they all drain" : "they take \(Self.list(queues))"
            return "no live worker process takes jobs from its queue \(job.queue) (\(others)): put it into a pool of "
                + "workers.yml, or run \(Program.name) work --queues \(job.queue)"
        }
        guard !workforce.mayKnow(job.kind, in: job.queue) else { return nil }
        let kinds = Set(takers.flatMap { $0.kinds ?? [] }).sorted()
        return "no live worker process of its queue \(job.queue) has a handler for the kind \(job.kind) "
            + "(they know \(kinds.isEmpty ? "none" : Self.list(kinds)))"
    }

    private func unpushed(_ broker: BrokerSide) -> String? {
        if broker.status.epoch == nil || broker.status.epoch == .rebuilding {
            return "Redis has lost its data, and its queue \(job.queue) is being rebuilt from PostgreSQL"
        }
        if broker.isKnown || job.dueAt - now > Limits.pushAheadMax { return nil }
        return broker.memory.isAboveMark
            ? "Redis is above its high-water mark: it waits in PostgreSQL and is handed over as room appears, by priority "
                + "and age"
            : "Redis has not been told of it yet, which a worker sees to within seconds, or 10m for an older job"
    }

    // MARK: - Words

    private var lastError: String? { job.errors.last.map { EscapedText.withoutControls($0.message) } }

    private func ago(_ time: Timestamp?) -> String { DurationText.rounded(now - (time ?? now)) }

    private func ago(_ time: Timestamp?, isOver limit: Duration) -> Bool { now - (time ?? now) > limit }

    private static func list(_ names: [String]) -> String {
        names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }
}
