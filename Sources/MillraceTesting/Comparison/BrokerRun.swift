// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One program on the model and on a broker, in a queue of its own.
///
/// Two brokers never give the same tokens, so the leases that both gave in one step make a pair, and what either says of a lease
/// is compared by the pair's number.
final class BrokerRun {
    struct Failure {
        let index: Int
        let model: String
        let subject: String
    }

    private struct Side {
        let broker: any JobBroker
        /// The lease of each pair, as this side gave it.
        var leases: [Lease] = []

        func lastToken(of id: JobID) -> LeaseToken? {
            leases.last { $0.id == id }?.token
        }

        func name(of lease: Lease) -> String {
            leases.lastIndex(of: lease).map { "#\($0)" } ?? "unknown \(lease.token)"
        }
    }

    private let queue = BrokerTrial.freshQueue()
    private let jobs: [QueuedJob]
    private let clock = TestClock()
    private let memory: MemoryBroker
    private let comparedSubject: any BrokerSubject
    private var model: Side
    private var subject: Side
    private var declarations: UInt64 = 0
    private var epoch = Epoch(number: 1)

    init(subject: any BrokerSubject, seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let start = clock.timestamp
        jobs = (0..<BrokerStep.jobCount).map { number in
            let id = JobID(at: start + .milliseconds(number), using: &generator)
            return QueuedJob(
                id: id, priority: .normal, delay: .zero,
                envelope: JobEnvelope(
                    kind: "comparison.test", createdAt: id.time, payload: Array("\(number)".utf8),
                    rowPart: number % 2 == 0
                        ? JobEnvelope.RowPart(priority: .normal, dueAt: nil, tags: ["\(number)"]) : nil))
        }
        comparedSubject = subject
        memory = MemoryBroker(clock: clock)
        model = Side(broker: memory)
        self.subject = Side(broker: subject.broker)
    }

    /// The first difference; nil when there is none.
    func failure(of program: [BrokerStep]) async throws -> Failure? {
        try await comparedSubject.setClock(to: clock.timestamp)
        var last: BrokerStep?
        for (index, step) in program.enumerated() {
            let step = if case .again = step { last } else { step }
            guard let step else { continue }
            last = step
            let answers = try await run(step)
            if answers.model != answers.subject {
                return Failure(index: index, model: answers.model, subject: answers.subject)
            }
            let states = try await (
                state(of: model, memory.snapshot(of: queue)),
                state(of: subject, comparedSubject.snapshot(of: queue))
            )
            if states.0 != states.1 {
                let (mine, theirs) = (Set(states.0), Set(states.1))
                return Failure(
                    index: index, model: states.0.filter { !theirs.contains($0) }.joined(separator: "; "),
                    subject: states.1.filter { !mine.contains($0) }.joined(separator: "; "))
            }
        }
        return nil
    }

    private func run(_ step: BrokerStep) async throws -> (model: String, subject: String) {
        switch step {
        case .advance(let milliseconds):
            try await advance(milliseconds)
            return ("", "")
        case .tick(let times, let limit):
            for _ in 0..<times {
                try await advance(1500)
                let answers = await both { [queue] broker, _ in "\(try await broker.reclaim(limit, in: queue))" }
                if answers.model != answers.subject { return answers }
            }
            return ("", "")
        case .lose:
            memory.flush()
            try await comparedSubject.lose(queue)
            return ("", "")
        case .reserve(let limit, let process, let backwards, let hasOldEpoch):
            // No two reservations at one time, so that the model's tokens differ as the clock's do.
            try await advance(1)
            return await reserve(limit, ProcessID(number: UInt64(process) + 1), backwards, hasOldEpoch)
        case .reserveSuspect(let process, let hasOldEpoch):
            try await advance(1)
            return await reserve(nil, ProcessID(number: UInt64(process) + 1), false, hasOldEpoch)
        case .declare(let job, let process, let lane, let milliseconds):
            declarations += 1
            let token = LeaseToken(
                reservedAtMicroseconds: declarations, process: ProcessID(number: UInt64(process) + 1), lane: lane)
            let chosen = jobs[job % jobs.count]
            let lease = Lease(id: chosen.id, queue: queue, token: token)
            model.leases.append(lease)
            subject.leases.append(lease)
            return await redeclare([model.leases.count - 1], milliseconds)
        case .redeclare(let numbers, let milliseconds):
            return await redeclare(distinct(numbers), milliseconds)
        default:
            return await runSimple(step)
        }
    }

    /// Steps that change nothing here.
    private func runSimple(_ step: BrokerStep) async -> (model: String, subject: String) {
        let queue = queue
        switch step {
        case .enqueue(let entries):
            return await both { broker, side in
                let jobs = entries.map { entry in
                    var job = self.jobs[entry.job % self.jobs.count]
                    job.priority = entry.priority
                    job.delay = .milliseconds(entry.delayMilliseconds)
                    job.isSuspect = entry.isSuspect
                    if entry.hasLastToken { job.lastToken = side.lastToken(of: job.id) }
                    return job
                }
                return "\(try await broker.enqueue(jobs, into: queue))"
            }
        case .quarantine(let numbers):
            return await both { broker, side in
                "\(try await broker.quarantine(self.leases(numbers, side), in: queue))"
            }
        case .complete(let numbers):
            return await both { broker, side in
                "\(try await broker.complete(self.leases(numbers, side), in: queue, announcing: []))"
            }
        case .retry(let items):
            return await both { broker, side in
                let retried = zip(self.leases(items.map(\.lease), side), items).map { lease, item in
                    (lease: lease, delay: Duration.milliseconds(item.delayMilliseconds))
                }
                return "\(try await broker.retry(retried, in: queue))"
            }
        case .release(let numbers):
            return await both { broker, side in
                "\(try await broker.release(self.leases(numbers, side), in: queue))"
            }
        case .extend(let numbers, let milliseconds, let hasOldEpoch):
            let epoch = hasOldEpoch ? Epoch(number: 99) : epoch
            return await both { broker, side in
                let statuses = try await broker.extend(
                    self.leases(numbers, side), in: queue, epoch: epoch, by: .milliseconds(milliseconds))
                return "\(statuses)"
            }
        case .reclaim(let limit): return await both { broker, _ in "\(try await broker.reclaim(limit, in: queue))" }
        case .releaseAll(let process):
            let process = ProcessID(number: UInt64(process) + 1)
            return await both { broker, _ in "\(try await broker.releaseAll(of: process, in: queue))" }
        case .promote(let limit): return await both { broker, _ in "\(try await broker.promote(limit, in: queue))" }
        case .cancel(let job, let hasLastToken):
            let id = jobs[job % jobs.count].id
            return await both { broker, side in
                let token = hasLastToken ? side.lastToken(of: id) : nil
                try await broker.cancel(id, token: token, in: queue)
                return ""
            }
        case .knows(let numbers):
            let ids = numbers.map { jobs[$0 % jobs.count].id }
            return await both { broker, _ in "\(try await broker.knows(ids, in: queue))" }
        case .configure(let isPaused, let number):
            let epoch = number.map(Epoch.init(number:))
            if let epoch { self.epoch = epoch }
            return await both { broker, _ in
                try await broker.configure(queue, isPaused: isPaused, epoch: epoch)
                return ""
            }
        case .advance, .tick, .lose, .reserve, .reserveSuspect, .declare, .redeclare, .again: return ("", "")
        }
    }

    /// - Parameter limit: nil for a suspect.
    private func reserve(
        _ limit: Int?, _ process: ProcessID, _ backwards: Bool, _ hasOldEpoch: Bool
    ) async -> (model: String, subject: String) {
        let epoch = hasOldEpoch ? Epoch(number: 99) : epoch
        var reserved: [[Lease]] = []
        let answers = await both { broker, _ in
            let reservation =
                if let limit {
                    try await broker.reserve(
                        limit, from: self.queue, epoch: epoch, process: process, backwards: backwards)
                } else {
                    try await broker.reserveSuspect(from: self.queue, epoch: epoch, process: process)
                }
            reserved.append(reservation.jobs.map(\.lease))
            let jobs = reservation.jobs.map { job in
                let token = job.lease.token
                return
                    "\(job.lease.id) in \(job.lease.queue) from \(token.lane) by \(token.process): \(job.envelope) "
                    + "\(job.isFirst ? "for the first time" : "")"
            }
            // What a paused queue says of its jobs is nobody's concern.
            let rest =
                reservation.isPaused
                ? "" : "more \(reservation.isMoreReady) due \(String(describing: reservation.nextDue))"
            return "\(jobs) paused \(reservation.isPaused) \(rest)"
        }
        if answers.model == answers.subject, reserved.count == 2 {
            model.leases += reserved[0]
            subject.leases += reserved[1]
        }
        return answers
    }

    private func redeclare(_ numbers: [Int], _ milliseconds: Int64) async -> (model: String, subject: String) {
        await both { broker, side in
            let declared = numbers.map { side.leases[$0] }.map { lease in
                LeasedJob(
                    lease: lease,
                    envelope: self.jobs.first { $0.id == lease.id }?.envelope.encoded() ?? [])
            }
            let answers = try await broker.redeclare(declared, in: self.queue, by: .milliseconds(milliseconds))
            return "\(answers)"
        }
    }

    /// Runs a verb on both; an error is an answer.
    private func both(
        _ verb: (any JobBroker, Side) async throws -> String
    ) async -> (model: String, subject: String) {
        var answers: [String] = []
        for side in [model, subject] {
            do {
                try await answers.append(verb(side.broker, side))
            } catch let error as BrokerError {
                answers.append("error \(error.code)")
            } catch {
                answers.append("\(error)")
            }
        }
        return (answers[0], answers[1])
    }

    /// Numbers of pairs, each once, and no two of one job.
    private func distinct(_ numbers: [Int]) -> [Int] {
        guard !model.leases.isEmpty else { return [] }
        var ids: Set<JobID> = []
        return numbers.map { number in
            // Late ones are the ones that may still be held.
            max(0, model.leases.count - 1 - number % min(model.leases.count, 2 * BrokerStep.jobCount))
        }
        .filter { ids.insert(model.leases[$0].id).inserted }
    }

    private func leases(_ numbers: [Int], _ side: Side) -> [Lease] {
        distinct(numbers).map { side.leases[$0] }
    }

    private func advance(_ milliseconds: Int64) async throws {
        clock.advance(by: .milliseconds(milliseconds))
        try await comparedSubject.setClock(to: clock.timestamp)
    }

    /// All that there is, line by line, in one order.
    private func state(of side: Side, _ snapshot: BrokerSnapshot) async throws -> [String] {
        let status = try await side.broker.status(of: [queue])[0]
        let names = Dictionary(uniqueKeysWithValues: jobs.enumerated().map { ($1.id, "job \($0)") })
        func name(_ id: JobID) -> String { names[id] ?? "\(id)" }
        func since(_ timestamp: Timestamp) -> Int64 { (timestamp - clock.timestamp).milliseconds }

        var lines = snapshot.envelopes.map { "\(name($0)) has \($1.isEmpty ? "no" : "an") envelope" }.sorted()
        lines += Priority.allCases.map { "lane \($0): \((snapshot.lanes[$0] ?? []).map(name))" }
        lines.append(
            "suspects: \(snapshot.quarantine.map { "\(name(JobID(bytes: $0.prefix(16)) ?? jobs[0].id)) \($0.last ?? 9)" })"
        )
        lines += snapshot.scheduled.map { "\(name($0)) is due in \(since($1.due)) ms for \($1.lane)" }.sorted()
        lines += snapshot.leases.map { "\(name($0.id)) is leased by \(side.name(of: $0)) for \(since($1)) ms" }.sorted()
        lines.append("ready \(Priority.allCases.map { status.ready[$0] ?? 0 })")
        lines.append("scheduled \(status.scheduled) running \(status.running) cancelled \(status.cancelledEntries)")
        lines.append("quarantined \(status.quarantined)")
        lines.append("oldest at \(status.oldestReady.map { name($0) } ?? "none")")
        lines.append("paused \(status.isPaused) epoch \(status.epoch?.number ?? -1)")
        return lines
    }
}
