// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import NIOCore

/// Takes jobs: reserves as many as there are free slots, claims them in the ledger, and starts those whose claim is granted.
///
/// No handler starts without a claim, but for the first attempt of a job with durability `redis`, whose reservation says that it is
/// the first one: there is no row to claim yet. Any later reservation is claimed, by a row that is made where there is none.
///
/// A claim whose outcome is unknown is repeated with the same token, which is idempotent,
/// while the lease is extended, for as long as it takes; meanwhile nothing else is reserved, since the ledger is away.
///
/// Change together: design "claim", `ClaimVerdict`, `JobFetcherTests`.
actor JobFetcher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    nonisolated let eventLoop: any EventLoop
    let configuration: WorkerConfiguration
    private let handlers: JobHandlers
    let broker: any JobBroker
    let ledger: any JobLedger
    let epochs: QueueEpochs
    private let keeper: LeaseKeeper
    let runner: JobRunner
    let writer: OutcomeWriter
    let logger: Logger
    private(set) var isStopping = false
    /// Whose suspects are to be run now, for want of another process.
    var attended: QueueName?
    var attendedNotBefore: ContinuousClock.Instant?
    private var reservations = 0
    private var rotation = 0
    private var pauseChecks: [QueueName: ContinuousClock.Instant] = [:]

    /// A job without a row is looked at again this much later: nothing that the ledger does not know is dropped.
    static let missingRowDelay: Duration = .seconds(300)

    init(
        eventLoop: any EventLoop, configuration: WorkerConfiguration, handlers: JobHandlers, broker: any JobBroker,
        ledger: any JobLedger, epochs: QueueEpochs, keeper: LeaseKeeper, runner: JobRunner, writer: OutcomeWriter,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.handlers = handlers
        self.broker = broker
        self.ledger = ledger
        self.epochs = epochs
        self.keeper = keeper
        self.runner = runner
        self.writer = writer
        self.logger = logger
    }

    func stop() {
        isStopping = true
    }

    /// Takes jobs until it is stopped or cancelled, or has run the suspects that it is for.
    func run() async {
        if case .only(let runsMax, let idleMax) = configuration.suspects {
            return await runSuspects(runsMax: runsMax, idleMax: idleMax)
        }
        var backoff = LoopBackoff()
        while !isStopping, !Task.isCancelled {
            await runner.waitForFreeSlot()
            if attended != nil { await runAttended() }
            if await runner.mustBeReplaced {
                logger.error("too many handlers ignore their cancellation, this process ends to be replaced")
                return
            }
            guard !isStopping else { return }
            guard await writer.unrecordedCount < configuration.unrecordedMax else {
                await eventLoop.sleep(for: .milliseconds(20))
                continue
            }
            do throws(BrokerError) {
                let round = try await fetchRound()
                backoff.reset()
                if !round.didReserve { try await waitForWork(round.nextDue) }
            } catch {
                if error.code == .cancelled { continue }
                logger.debug("nothing reserved, the broker is away", metadata: [.error: "\(error)"])
                await eventLoop.sleep(for: backoff.next())
            }
        }
    }

    private struct Round {
        var didReserve = false
        var nextDue: Duration?
    }

    /// Looks into each queue once, beginning with another each time.
    private func fetchRound() async throws(BrokerError) -> Round {
        var round = Round()
        rotation += 1
        for offset in 0..<configuration.queues.count {
            let queue = configuration.queues[(rotation + offset) % configuration.queues.count]
            let free = await runner.freeSlots
            guard free > 0, !isStopping else { break }
            guard let epoch = await epochs.known(queue)?.epoch else { continue }
            let start = ContinuousClock.now
            guard let reservation = try await reserve(free, from: queue, epoch: epoch) else { continue }
            round.nextDue = [round.nextDue, reservation.nextDue].compactMap { $0 }.min()
            if reservation.isPaused, mayCheckPause(of: queue) { await copyPause(of: queue, over: true) }
            guard !reservation.jobs.isEmpty else { continue }
            round.didReserve = true
            await take(reservation.jobs, from: queue, askedAt: start)
        }
        return round
    }

    /// nil when the queue's epoch has changed.
    private func reserve(
        _ limit: Int, from queue: QueueName, epoch: Epoch
    ) async throws(BrokerError) -> Reservation? {
        reservations += 1
        do throws(BrokerError) {
            return try await broker.reserve(
                min(limit, Limits.storeBatchMax), from: queue, epoch: epoch, process: configuration.process,
                backwards: reservations % 16 == 0)
        } catch {
            guard error.code == .epochMismatch else { throw error }
            await epochs.invalidate(queue, epoch: epoch)
            return nil
        }
    }

    private func waitForWork(_ nextDue: Duration?) async throws(BrokerError) {
        // A promotion rings too; this is the net for a ring that went to a client that has died.
        let timeout = min(max(nextDue ?? .seconds(1), .milliseconds(10)), .seconds(1))
        try await broker.waitForWork(in: configuration.queues, timeout: timeout)
    }

    /// A reserved job that this worker can run.
    private struct Candidate {
        let lease: Lease
        let envelope: JobEnvelope
        let handler: JobHandler
        /// The ledger need not have a row of it.
        var unrecorded: NewJob? { envelope.job(id: lease.id, queue: lease.queue) }
    }

    /// - Parameters:
    ///   - askedAt: before the reservation.
    ///   - isAlone: nothing else runs in this process.
    func take(
        _ jobs: [LeasedJob], from queue: QueueName, askedAt: ContinuousClock.Instant, isAlone: Bool = false
    ) async {
        await keeper.adopt(jobs)
        Failpoint.reached(.reservedNotClaimed)
        var readable: [Lease: Candidate] = [:]
        var claimed: [Lease] = []
        var unbegun: [UnrecordedJob] = []
        var unknown: [(Lease, Duration)] = []
        for job in jobs {
            do throws(EnvelopeError) {
                let envelope = try JobEnvelope(decoding: job.envelope)
                if let handler = handlers.handler(for: envelope.kind) {
                    let candidate = Candidate(lease: job.lease, envelope: envelope, handler: handler)
                    readable[job.lease] = candidate
                    if job.isFirst, let unrecorded = candidate.unrecorded {
                        if mayStartFirst(envelope, askedAt: askedAt) {
                            await startFirst(candidate, unrecorded)
                            continue
                        }
                        unbegun.append(UnrecordedJob(unrecorded, .ready))
                    }
                    claimed.append(job.lease)
                } else {
                    unknown.append((job.lease, Self.unknownKindDelay(since: envelope.createdAt)))
                    logger.warning(
                        "no handler for this kind, left for a worker that has one",
                        metadata: [.jobID: "\(job.lease.id)", .jobKind: "\(envelope.kind)", .queue: "\(queue)"])
                }
            } catch {
                if JobEnvelope.mayBeOnlyCopy(job.envelope), await !hasRow(job.lease.id) {
                    logger.error(
                        "envelope kept, which this release cannot read",
                        metadata: [.jobID: "\(job.lease.id)", .queue: "\(queue)", .error: "\(error)"])
                    unknown.append((job.lease, Self.missingRowDelay))
                    continue
                }
                // The job itself is in the ledger; the sweep pushes a sound copy.
                logger.error("envelope dropped", metadata: [.jobID: "\(job.lease.id)", .error: "\(error)"])
                await writer.acknowledge([job.lease], .complete(isAnnounced: false))
            }
        }
        for (lease, delay) in unknown { await writer.acknowledge([lease], .retry(after: delay)) }
        // The claim says whether they may begin, also where this process is asked to end before all have their rows.
        let adoption = await adopt(unbegun)
        await claim(claimed.filter { !adoption.refused.contains($0.id) }, readable, isAlone: isAlone)
        await putOff(claimed.filter { adoption.refused.contains($0.id) })
    }

    /// False also when the ledger does not answer.
    private func hasRow(_ id: JobID) async -> Bool {
        do throws(LedgerError) {
            return try await ledger.summaries([id])[id] != nil
        } catch {
            logger.debug("row not read", metadata: [.jobID: "\(id)", .error: "\(error)"])
            return false
        }
    }

    /// Whether a first attempt needs no claim: it has not expired, and its lease stands for certain, so that no other attempt can have
    /// begun, let alone ended.
    private func mayStartFirst(_ envelope: JobEnvelope, askedAt: ContinuousClock.Instant) -> Bool {
        (envelope.expiresAt.map { $0 > Timestamp.now() } ?? true)
            && ContinuousClock.now - askedAt < configuration.unclaimedStartMax
    }

    /// Starts what nobody has to be asked for.
    private func startFirst(_ job: Candidate, _ unrecorded: NewJob) async {
        let claim = Claim(attempt: 1, failures: 0, maxAttempts: unrecorded.maxAttempts)
        await start(
            job, claim,
            unclaimed: UnrecordedJob(unrecorded, .running, token: job.lease.token, startedAt: Timestamp.now()))
    }

    /// 5 s growing to 5 min, by the job's age.
    private static func unknownKindDelay(since creation: Timestamp) -> Duration {
        min(max(Timestamp.now() - creation, .seconds(5)), .seconds(300))
    }

    private func claim(_ leases: [Lease], _ readable: [Lease: Candidate], isAlone: Bool) async {
        var requests = leases.map { ClaimRequest(lease: $0, isAlone: isAlone) }
        var adopted: Set<JobID> = []
        while !requests.isEmpty {
            guard let verdicts = await claimCertainly(requests) else { return }
            var stale: [Lease] = []
            var rowless: [(request: ClaimRequest, job: NewJob)] = []
            for (request, verdict) in zip(requests, verdicts) {
                if case .run(let claim) = verdict, let job = readable[request.lease] {
                    await start(job, claim)
                } else if Safeguard.claim.isOff, let job = readable[request.lease] {
                    await start(job, Claim(attempt: 1, failures: 0, maxAttempts: 1))
                } else if verdict == .missing || verdict == .pruned, let job = readable[request.lease]?.unrecorded,
                    adopted.insert(job.id).inserted
                {
                    rowless.append((request, job))
                } else if case .stale = verdict, !request.isForced {
                    stale.append(request.lease)
                } else {
                    await decline(request.lease, verdict)
                }
            }
            if verdicts.contains(.paused), let queue = requests.first?.lease.queue {
                await copyPause(of: queue, over: false)
            }
            requests = await confirm(stale).map { ClaimRequest(lease: $0, isForced: true, isAlone: isAlone) }
            if !rowless.isEmpty {
                // Their first attempts may have begun, and left no row.
                let adoption = await adopt(rowless.map { UnrecordedJob($0.job, .running) })
                await putOff(rowless.filter { adoption.refused.contains($0.job.id) }.map(\.request.lease))
                rowless.removeAll { adoption.refused.contains($0.job.id) }
                guard adoption.isDone else {
                    await writer.acknowledge((rowless.map(\.request) + requests).map(\.lease), .release)
                    return
                }
                Failpoint.reached(.adoptedNotClaimed)
                requests += rowless.map(\.request)
            }
        }
    }

    private func start(_ job: Candidate, _ claim: Claim, unclaimed: UnrecordedJob? = nil) async {
        // The ledger may have been slow: what was lost or cancelled meanwhile is another's, and nothing would tell the handler.
        guard await keeper.holds(job.lease) else { return }
        Failpoint.reached(.claimedNotStarted)
        await runner.start(
            ClaimedJob(
                lease: job.lease, envelope: job.envelope, claim: claim, handler: job.handler, unclaimed: unclaimed))
        await keeper.setDuration(job.handler.options.lease, of: [job.lease])
    }

    /// Claims until the ledger's answer is certain; nil when this process is asked to end before that.
    private func claimCertainly(_ requests: [ClaimRequest]) async -> [ClaimVerdict]? {
        var backoff = LoopBackoff()
        while true {
            do throws(LedgerError) {
                return try await ledger.claim(requests, process: configuration.process)
            } catch {
                logger.debug("claim repeated", metadata: [.count: "\(requests.count)", .error: "\(error)"])
            }
            if isStopping || Task.isCancelled {
                // Nothing has started. Should the claim have been granted all the same, the next one takes it over.
                await writer.acknowledge(requests.map(\.lease), .release)
                return nil
            }
            await eventLoop.sleep(for: backoff.next())
        }
    }

    private func decline(_ lease: Lease, _ verdict: ClaimVerdict) async {
        switch verdict {
        case .final:
            // This claim may have ended it, or whoever did may not have come to tell.
            await writer.acknowledge([lease], .complete(isAnnounced: true))
        case .pruned:
            await writer.acknowledge([lease], .complete(isAnnounced: false))
        case .notDue(let left):
            await writer.acknowledge([lease], .retry(after: max(left, .milliseconds(250))))
        case .paused:
            await writer.acknowledge([lease], .release)
        case .suspect:
            await writer.acknowledge([lease], .quarantine)
        case .missing:
            logger.error(
                "the ledger does not know this job", metadata: [.jobID: "\(lease.id)", .queue: "\(lease.queue)"])
            await putOff([lease])
        case .run, .stale:
            await keeper.forget([lease])
        }
    }

    /// Gives the broker the ledger's word on whether a queue is paused, where it is another than `belief`. The broker's copy is old
    /// when it hands out a job that the ledger holds back, or holds back what the ledger does not: writers of the two overtake
    /// each other, or stop half-way.
    func copyPause(of queue: QueueName, over belief: Bool) async {
        do {
            let isPaused = try await ledger.queues().first { $0.queue == queue }?.isPaused ?? false
            guard isPaused != belief else { return }
            try await broker.configure(queue, isPaused: isPaused, epoch: nil)
            if belief {
                logger.warning("queue was paused in the broker alone, resumed", metadata: [.queue: "\(queue)"])
            }
        } catch {
            logger.debug("pause not copied", metadata: [.queue: "\(queue)", .error: "\(error)"])
        }
    }

    /// Once a second at most, for a queue that the broker says is paused.
    func mayCheckPause(of queue: QueueName) -> Bool {
        let now = ContinuousClock.now
        if let last = pauseChecks[queue], now - last < .seconds(1) { return false }
        pauseChecks[queue] = now
        return true
    }

    /// Those of the leases that the broker says stand although the ledger has seen a newer token: its clock went back.
    private func confirm(_ leases: [Lease]) async -> [Lease] {
        guard let queue = leases.first?.queue, let epoch = await epochs.known(queue)?.epoch else {
            await keeper.forget(leases)
            return []
        }
        do throws(BrokerError) {
            let statuses = try await broker.extend(leases, in: queue, epoch: epoch, by: Limits.lease)
            let owned = zip(leases, statuses).filter { $0.1 == .owned }.map(\.0)
            await keeper.forget(leases.filter { !owned.contains($0) })
            return owned
        } catch {
            await keeper.forget(leases)
            return []
        }
    }
}
