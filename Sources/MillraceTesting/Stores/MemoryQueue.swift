// SPDX-License-Identifier: Apache-2.0

import Millrace

/// One queue of a broker as a pure value: the definition of what the broker's verbs do.
///
/// An id is in one place: a lane, `scheduled` or `leases`. An empty envelope marks a cancelled job whose place is still to be met:
/// whoever meets it (reserve, retry, release, reclaim, the release of a dead process) forgets it, and until then the id is *busy*.
/// Batches are carried out as if one item after another; jobs that go back to the head of a lane keep their order there.
///
/// Change together: `Scripts/*.lua` of MillraceRedis, `BrokerConformance`.
struct MemoryQueue: Sendable {
    struct Scheduled: Sendable, Equatable {
        var lane: Priority
        var due: Timestamp
    }

    struct Suspect: Sendable, Equatable {
        var id: JobID
        var lane: Priority
    }

    let name: QueueName
    private(set) var envelopes: [JobID: [UInt8]] = [:]
    private(set) var lanes: [Priority: [JobID]] = [:]
    /// Suspects, each with the lane that it goes back to.
    private(set) var quarantine: [Suspect] = []
    private(set) var scheduled: [JobID: Scheduled] = [:]
    private(set) var leases: [Lease: Timestamp] = [:]
    private(set) var isPaused = false
    private(set) var epoch: Epoch?
    /// When reclaim last ran, and before when it takes nothing.
    private var lastTick: Timestamp?
    private var notBefore: Timestamp?
    /// Set by every verb that makes a job takeable; whoever owns the queue rings and clears it.
    var rings = false

    /// Ids that one reservation looks at, at most.
    private static let seenMax = 500
    private static let tickGapMax: Duration = .seconds(2)

    init(name: QueueName) {
        self.name = name
    }

    var liveJobs: Int { envelopes.count }
    var envelopeBytes: Int { envelopes.values.reduce(0) { $0 + $1.count } }

    /// - Parameter isRepeated: the same batch has enqueued it already: the first of two with one id stands.
    mutating func enqueue(_ job: QueuedJob, isRepeated: Bool = false, now: Timestamp) -> EnqueueVerdict {
        let envelope = envelopes[job.id]
        let lastLease = job.lastToken.map { Lease(id: job.id, queue: name, token: $0) }
        if envelope?.isEmpty == true || lastLease.map({ leases[$0] != nil }) == true { return .busy }
        // A lease may end with the job's removal, whatever the ledger says of the job by then.
        if envelope != nil, leases.keys.contains(where: { $0.id == job.id }) { return .busy }
        let isReady = job.delay.milliseconds <= 0
        if envelope != nil {
            // It waits for a time of before, as an operator has opened it again.
            guard isReady, !isRepeated, scheduled.removeValue(forKey: job.id) != nil else { return .known }
        } else {
            envelopes[job.id] = job.envelope.encoded()
        }
        if !isReady {
            scheduled[job.id] = Scheduled(lane: job.priority, due: now + job.delay)
        } else if job.isSuspect {
            quarantine.append(Suspect(id: job.id, lane: job.priority))
        } else {
            lanes[job.priority, default: []].append(job.id)
            rings = true
        }
        return .enqueued
    }

    /// - Parameter micros: the time part of the tokens, later than that of any before.
    mutating func reserve(
        _ limit: Int, process: ProcessID, micros: UInt64, backwards: Bool, now: Timestamp
    ) -> Reservation {
        if isPaused { return Reservation(isPaused: true) }
        var jobs: [LeasedJob] = []
        var seen = 0
        for lane in backwards ? Priority.allCases.reversed() : Priority.allCases {
            let ids = lanes[lane] ?? []
            var met = 0
            while met < ids.count, jobs.count < limit, seen < Self.seenMax {
                let id = ids[met]
                met += 1
                seen += 1
                guard var envelope = envelopes[id], !envelope.isEmpty else {
                    envelopes[id] = nil
                    continue
                }
                let isFirst = JobEnvelope.markReserved(&envelope)
                envelopes[id] = envelope
                let token = LeaseToken(reservedAtMicroseconds: micros, process: process, lane: lane)
                let lease = Lease(id: id, queue: name, token: token)
                leases[lease] = now + Limits.lease
                jobs.append(LeasedJob(lease: lease, envelope: envelope, isFirst: isFirst))
            }
            lanes[lane] = Array(ids.dropFirst(met))
        }
        let isMoreReady = lanes.values.contains { !$0.isEmpty }
        rings = rings || isMoreReady
        return Reservation(jobs: jobs, isMoreReady: isMoreReady, nextDue: nextDue(now: now))
    }

    mutating func reserveSuspect(process: ProcessID, micros: UInt64, now: Timestamp) -> Reservation {
        if isPaused { return Reservation(isPaused: true) }
        for _ in 0..<Self.seenMax where !quarantine.isEmpty {
            let suspect = quarantine.removeFirst()
            guard var envelope = envelopes[suspect.id], !envelope.isEmpty else {
                envelopes[suspect.id] = nil
                continue
            }
            let isFirst = JobEnvelope.markReserved(&envelope)
            envelopes[suspect.id] = envelope
            let token = LeaseToken(reservedAtMicroseconds: micros, process: process, lane: suspect.lane)
            let lease = Lease(id: suspect.id, queue: name, token: token)
            leases[lease] = now + Limits.lease
            return Reservation(
                jobs: [LeasedJob(lease: lease, envelope: envelope, isFirst: isFirst)], isMoreReady: !quarantine.isEmpty)
        }
        return Reservation(isMoreReady: !quarantine.isEmpty)
    }

    mutating func quarantine(_ lease: Lease) -> Bool {
        guard leases.removeValue(forKey: lease) != nil else { return false }
        if isAlive(lease.id) { quarantine.append(Suspect(id: lease.id, lane: lease.token.lane)) }
        return true
    }

    mutating func complete(_ lease: Lease) -> Bool {
        guard leases.removeValue(forKey: lease) != nil else { return false }
        envelopes[lease.id] = nil
        return true
    }

    mutating func retry(_ lease: Lease, delay: Duration, now: Timestamp) -> Bool {
        guard leases.removeValue(forKey: lease) != nil else { return false }
        guard isAlive(lease.id) else { return true }
        scheduled[lease.id] = Scheduled(lane: lease.token.lane, due: now + max(delay, .zero))
        return true
    }

    /// Ends those of the leases that are held, and puts their jobs back at the head of their lanes, in the order given.
    mutating func release(_ released: [Lease]) -> [Bool] {
        var heads: [Priority: [JobID]] = [:]
        let answers = released.map { lease in
            guard leases.removeValue(forKey: lease) != nil else { return false }
            if isAlive(lease.id) { heads[lease.token.lane, default: []].append(lease.id) }
            return true
        }
        for (lane, ids) in heads {
            lanes[lane, default: []].insert(contentsOf: ids, at: 0)
            rings = true
        }
        return answers
    }

    mutating func extend(_ lease: Lease, epoch: Epoch, by duration: Duration, now: Timestamp) -> LeaseStatus {
        if envelopes[lease.id]?.isEmpty == true { return .lost }
        guard leases[lease] != nil else { return epoch == self.epoch ? .lost : .unknown }
        leases[lease] = now + duration
        return .owned
    }

    mutating func redeclare(_ job: LeasedJob, by duration: Duration, now: Timestamp) -> Bool {
        if let envelope = envelopes[job.lease.id] { return !envelope.isEmpty && leases[job.lease] != nil }
        envelopes[job.lease.id] = job.envelope
        leases[job.lease] = now + duration
        return true
    }

    mutating func reclaim(_ limit: Int, now: Timestamp) -> Int {
        let isSteady = lastTick.map { $0 <= now && now - $0 <= Self.tickGapMax } ?? false
        lastTick = now
        if !isSteady { notBefore = now + Limits.lease }
        if let notBefore, now < notBefore { return 0 }
        let expired = leases.filter { $0.value <= now }
        return putBack(Array(inOrder(expired).prefix(limit)))
    }

    mutating func releaseAll(of process: ProcessID) -> Int {
        putBack(inOrder(leases.filter { $0.key.token.process == process }))
    }

    mutating func promote(_ limit: Int, now: Timestamp) -> Promotion {
        let due = scheduled.filter { $0.value.due <= now }
            .sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
            .prefix(limit)
        for (id, entry) in due {
            scheduled[id] = nil
            lanes[entry.lane, default: []].append(id)
            rings = true
        }
        return Promotion(promoted: due.count, nextDue: nextDue(now: now))
    }

    mutating func cancel(_ id: JobID, token: LeaseToken?) {
        guard envelopes[id] != nil else { return }
        let isEnded = token.map { leases.removeValue(forKey: Lease(id: id, queue: name, token: $0)) != nil } ?? false
        // Of another life of the job, or not claimed yet: the ledger decides on it.
        if leases.keys.contains(where: { $0.id == id }) { return }
        let wasScheduled = scheduled.removeValue(forKey: id) != nil
        let wasQuarantined = quarantine.contains { $0.id == id }
        quarantine.removeAll { $0.id == id }
        envelopes[id] = wasScheduled || wasQuarantined || isEnded ? nil : []
    }

    func knows(_ id: JobID) -> Bool { envelopes[id] != nil }

    func find(_ id: JobID, now: Timestamp) -> FoundJob? {
        guard let envelope = envelopes[id], !envelope.isEmpty else { return nil }
        let token = leases.keys.filter { $0.id == id }.map(\.token).max()
        let place: FoundJob.Place =
            if let token {
                .leased(token)
            } else if let entry = scheduled[id] {
                .scheduled(max(entry.due - now, .zero))
            } else {
                .ready
            }
        return FoundJob(id: id, queue: name, envelope: envelope, place: place)
    }

    mutating func configure(isPaused: Bool, epoch: Epoch?) {
        self.isPaused = isPaused
        if let epoch { self.epoch = epoch }
        rings = rings || (!isPaused && lanes.values.contains { !$0.isEmpty })
    }

    func status() -> QueueStatus {
        QueueStatus(
            queue: name, ready: lanes.mapValues(\.count).filter { $0.value > 0 }, scheduled: scheduled.count,
            running: leases.count, quarantined: quarantine.count,
            cancelledEntries: lanes.values.reduce(0) { sum, ids in sum + ids.count { envelopes[$0]?.isEmpty == true } },
            oldestReady: lanes.values.compactMap(\.first).min(), isPaused: isPaused, epoch: epoch)
    }

    /// True for a job that was not cancelled; forgets one that was.
    private mutating func isAlive(_ id: JobID) -> Bool {
        if envelopes[id]?.isEmpty == false { return true }
        envelopes[id] = nil
        return false
    }

    private mutating func putBack(_ expired: [Lease]) -> Int {
        let alive = expired.count { envelopes[$0.id]?.isEmpty == false }
        _ = release(expired)
        return alive
    }

    /// By deadline, then by id and token, as a sorted set has them.
    private func inOrder(_ leases: [Lease: Timestamp]) -> [Lease] {
        leases.sorted { ($0.value, $0.key.id, $0.key.token) < ($1.value, $1.key.id, $1.key.token) }.map(\.key)
    }

    private func nextDue(now: Timestamp) -> Duration? {
        scheduled.values.map(\.due).min().map { max($0 - now, .zero) }
    }
}
