// SPDX-License-Identifier: Apache-2.0

public import Logging

/// Takes jobs in: first into the ledger, then, as a hint, into the broker; those of durability `redis` into the broker alone.
///
/// The broker is told outside of any transaction and may fail: a job that is in the ledger is pushed by the sweep within seconds.
/// Where the broker has no room, the jobs are accepted with the relay's flag, and handed over when there is. Between that
/// decision and the push others may fill the broker: what it refuses is left to the sweep, which flags it.
///
/// What is to be in the broker alone is awaited, and its failure, or want of room, is the submission's.
///
/// Change together: design "accept", `Sweeper`, `Relay`.
public struct JobSubmitter: Sendable {
    package let ledger: any JobLedger
    private let broker: any JobBroker
    private let room: RoomWatch
    private let logger: Logger

    /// A program that only submits needs no more than this:
    ///
    /// ```swift
    /// let ledger = PostgresLedger(.init(url: databaseURL), logger: logger)
    /// let broker = try RedisBroker(.init(url: redisURL), eventLoopGroup: .singletonMultiThreadedEventLoopGroup, logger: logger)
    /// let id = try await JobSubmitter(ledger: ledger, broker: broker, logger: logger).submit(Greet(name: "Ada"))
    /// ```
    public init(ledger: any JobLedger, broker: any JobBroker, logger: Logger) {
        self.init(
            ledger: ledger, broker: broker, room: RoomWatch(broker: broker, logger: logger), logger: logger)
    }

    /// - Parameter room: shared by all of a process that push.
    package init(ledger: any JobLedger, broker: any JobBroker, room: RoomWatch, logger: Logger) {
        self.ledger = ledger
        self.broker = broker
        self.room = room
        self.logger = logger
    }

    /// Accepts all jobs or none. When it returns they are in the ledger, or in the broker where their durability asks for no more.
    ///
    /// Those of durability `redis` come last, and are taken in parts of one queue and ``Limits/storeBatchMax``, each all or nothing: when
    /// that fails, what was taken before stands.
    /// - Throws: ``LedgerError``, ``BrokerError``. The same submission may be repeated while its jobs have not ended.
    package func submit(_ submission: Submission) async throws -> Acceptance {
        await refreshRoom()
        let parts = submission.parts(now: .now())
        if let recorded = parts.recorded {
            let placed = place(recorded)
            defer { finish(placed) }
            let acceptance = try await ledger.accept(placed.submission)
            guard case .accepted = acceptance else { return acceptance }
            await push(placed)
        }
        try await entrust(parts.entrusted)
        return .accepted
    }

    /// Puts jobs of durability `redis` into the broker, where alone they will be.
    /// - Throws: ``BrokerError`` with `.full` also before the broker refuses, as the last of its memory is for what is under way.
    package func entrust(_ jobs: [NewJob]) async throws(BrokerError) {
        guard !jobs.isEmpty else { return }
        let bytes = Self.cost(of: jobs)
        guard room.take(bytes, for: .entrusted) else {
            throw BrokerError(.full, "no room for \(jobs.count) jobs of about \(bytes) bytes")
        }
        defer { room.finish(bytes) }
        let now = Timestamp.now()
        for (queue, jobs) in Dictionary(grouping: jobs, by: \.queue).sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: jobs.count, by: Limits.storeBatchMax) {
                let batch = jobs[start..<min(start + Limits.storeBatchMax, jobs.count)].map { Self.entry($0, now) }
                do throws(BrokerError) {
                    _ = try await broker.enqueue(batch, into: queue)
                } catch {
                    if error.code == .full { room.noteFull() }
                    guard error.code == .outcomeUnknown else { throw error }
                    // The same ids again: what is there already is left as it is, and what has ended by now runs again.
                    logger.info(
                        "jobs are pushed again, as their first push was not answered",
                        metadata: [.queue: "\(queue)", .count: "\(batch.count)", .error: "\(error)"])
                    _ = try await broker.enqueue(batch, into: queue)
                }
            }
        }
        Failpoint.reached(.entrustedNotAnswered)
    }

    private static func entry(_ job: NewJob, _ now: Timestamp) -> QueuedJob {
        QueuedJob(
            id: job.id, priority: job.priority, delay: job.dueAt.map { $0 - now } ?? .zero,
            envelope: JobEnvelope(of: job))
    }

    private static func cost(of jobs: [NewJob]) -> Int {
        jobs.reduce(0) { $0 + RoomEstimate.cost(payloadBytes: $1.payload.count) }
    }

    /// Accepts one job of a Swift type, with the kind's defaults where the options say nothing.
    /// - Throws: ``LedgerError``, or for a job of durability `redis` ``BrokerError``; ``PayloadError`` when it cannot be encoded.
    public func submit<J: Job>(_ job: J, _ options: EnqueueOptions = EnqueueOptions()) async throws -> JobID {
        let new = try NewJob(job, options, now: .now())
        _ = try await submit(Submission(jobs: [new]))
        return new.id
    }

    /// A submission for which room was taken in the broker, or that the relay is to push.
    package struct Placed: Sendable {
        package let submission: Submission
        fileprivate let bytes: Int
    }

    package var isRoomReadingDue: Bool { room.isReadingDue }

    /// Looks at the broker's memory, if nobody in this process did lately.
    package func refreshRoom() async {
        await room.refresh()
    }

    /// Takes room for a submission, or flags it; to be given back with ``finish(_:)``.
    package func place(_ submission: Submission) -> Placed {
        guard !submission.isFlagged else { return Placed(submission: submission, bytes: 0) }
        let bytes = Self.cost(of: submission.jobs)
        if room.take(bytes, for: .submission) { return Placed(submission: submission, bytes: bytes) }
        var flagged = submission
        flagged.isFlagged = true
        return Placed(submission: flagged, bytes: 0)
    }

    package func finish(_ placed: Placed) {
        room.finish(placed.bytes)
    }

    /// Tells the broker of accepted jobs. Only a hint: what fails, or is cancelled, is left to the sweep.
    package func push(_ placed: Placed) async {
        Failpoint.reached(.acceptedNotPushed)
        defer { Failpoint.reached(.pushedNotAnswered) }
        guard !placed.submission.isFlagged else { return }
        let now = Timestamp.now()
        let near = placed.submission.jobs.filter { ($0.dueAt ?? now) - now <= Limits.pushAheadMax }
        for (queue, jobs) in Dictionary(grouping: near, by: \.queue) {
            for start in stride(from: 0, to: jobs.count, by: Limits.storeBatchMax) {
                let batch = jobs[start..<min(start + Limits.storeBatchMax, jobs.count)]
                let entries = batch.map { job in
                    var job = job
                    job.durability = .postgres
                    return Self.entry(job, now)
                }
                do throws(BrokerError) {
                    _ = try await broker.enqueue(entries, into: queue)
                } catch {
                    if error.code == .full { room.noteFull() }
                    logger.debug(
                        "push failed, the sweep will repeat it",
                        metadata: [.queue: "\(queue)", .count: "\(entries.count)", .error: "\(error)"])
                    return
                }
            }
        }
    }
}

/// What a submission from Swift may say besides the job.
public struct EnqueueOptions: Sendable {
    /// nil = the kind's own.
    public var queue: QueueName?
    /// nil = the kind's own.
    public var priority: Priority?
    /// nil = now.
    public var delay: Duration?
    /// nil = never.
    public var expiresAt: Timestamp?
    /// nil = the kind's own.
    public var timeout: Duration?
    /// nil = the kind's own.
    public var maxAttempts: Int?
    /// At most 16.
    public var tags: [String]
    /// The W3C `traceparent` of what the job is a part of; one of over 255 bytes is not handed to the worker. Default none.
    public var trace: String?
    /// nil = the kind's own.
    public var durability: Durability?

    public init(
        queue: QueueName? = nil, priority: Priority? = nil, delay: Duration? = nil, expiresAt: Timestamp? = nil,
        timeout: Duration? = nil, maxAttempts: Int? = nil, tags: [String] = [], trace: String? = nil,
        durability: Durability? = nil
    ) {
        self.queue = queue
        self.priority = priority
        self.delay = delay
        self.expiresAt = expiresAt
        self.timeout = timeout
        self.maxAttempts = maxAttempts
        self.tags = tags
        self.trace = trace
        self.durability = durability
    }
}
