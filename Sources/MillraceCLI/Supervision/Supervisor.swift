// SPDX-License-Identifier: Apache-2.0

import Logging
import Millrace
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs the API and the pools of `workers.yml` as child processes, as many as are wished.
///
/// What to do is ``PoolPlan``'s to decide; this performs it. Wished counts come from the ledger once a second, so that
/// `millrace scale` works while this runs; while the ledger is away the last known ones hold, before that those of the
/// file. Of each worker that ended, the stores are told what only its parent knows: see `Supervisor+Reports.swift`.
///
/// On graceful shutdown all children are told to end, and it returns when they have. The same when the API says at the
/// start that it cannot work as it was told to, such as on a port that another program has: that would be so each time.
actor Supervisor: Service {
    /// How to start a child.
    struct Launch: Sendable {
        var file: WorkersFile
        /// Options that every child gets, behind its subcommand.
        var commonOptions: [String]
        /// Options of `serve` alone.
        var apiOptions: [String]
        var environment: [String: String]
        var runsAPI = true
    }

    private static let backtraceVariable = "SWIFT_BACKTRACE"
    /// A backtrace of the thread that crashed, without registers, memory and colours. Names only: the lines of the
    /// source take seconds more, in which nobody knows yet that the process is dying and its leases run out (5.9 s
    /// instead of 3.9 s for a debug build of 100 MB on 2 cores).
    private static let backtraceOptions =
        "threads=crashed,registers=none,images=none,symbolicate=fast,color=no,interactive=no"

    enum Event: Sendable {
        case ended(PoolPlan.ChildID, ChildEnd)
        /// Jobs were told apart that may have caused the end of this child.
        case blamed(PoolPlan.ChildID)
        /// The queues with suspects that may run.
        case suspects(Set<QueueName>)
        /// What the ledger says; nil when it did not answer.
        case counts([String: Int]?)
        case tick
        case shutDown
    }

    struct Child {
        let role: PoolPlan.Role
        let process: ProcessID
        let queues: [QueueName]
        let startedAt: PoolPlan.Instant
        var pid: pid_t?
        /// We told it to end.
        var wasStopped = false

        var isAlone: Bool { if case .alone = role { true } else { false } }
    }

    /// An API that lived for so long had what it needs.
    private static let apiProvenAfter: Duration = .seconds(10)

    nonisolated let broker: any JobBroker
    nonisolated let ledger: any JobLedger
    nonisolated let logger: Logger
    private let launch: Launch
    private let processes: ChildProcesses
    private let startedAt = ContinuousClock.now
    private var plan: PoolPlan
    private var children: [PoolPlan.ChildID: Child] = [:]
    private var counts: [String: Int] = [:]
    private var areCountsMissing = false
    private var isAPIProven = false
    private var isAPIRefused = false
    /// When reports of children that ended are given up; nil while everything goes on.
    var reportsEnd: ContinuousClock.Instant?

    init(
        launch: Launch, processes: ChildProcesses, broker: any JobBroker, ledger: any JobLedger, logger: Logger
    ) {
        self.launch = launch
        self.processes = processes
        self.broker = broker
        self.ledger = ledger
        self.logger = logger
        var patience: [PoolPlan.Role: Duration] = [.api: .seconds(40)]
        // A worker cancels what is left after its own timeout, and writes what it has; it should never come to a kill.
        for pool in launch.file.pools {
            patience[.pool(pool.name)] = pool.drainTimeout + .seconds(15)
            patience[.alone(pool.name)] = pool.drainTimeout + .seconds(15)
        }
        plan = PoolPlan(patience: patience)
    }

    /// Returns after a graceful shutdown, when no child runs any more.
    ///
    /// - Throws: ``APIRefused``, when no child runs any more.
    func run() async throws {
        let (events, inbox) = AsyncStream.makeStream(of: Event.self)
        plan.wish(launch.runsAPI ? 1 : 0, of: .api)
        await withDiscardingTaskGroup { reports in
            await withDiscardingTaskGroup { group in
                group.addTask { await Self.tick(into: inbox) }
                group.addTask { await self.watchCounts(into: inbox) }
                group.addTask { await self.watchSuspects(into: inbox) }
                await withGracefulShutdownHandler {
                    for await event in events {
                        handle(event, into: inbox, &reports)
                        if plan.isFinished { break }
                    }
                } onGracefulShutdown: {
                    inbox.yield(.shutDown)
                }
                group.cancelAll()
            }
            // Only after a cancellation is any of them left.
            for id in children.keys { processes.signal(id, SIGTERM) }
            reportsEnd = .now + .seconds(5)
        }
        logger.info("supervisor ended")
        if isAPIRefused { throw APIRefused() }
    }

    private var now: PoolPlan.Instant { ContinuousClock.now - startedAt }

    private func handle(
        _ event: Event, into inbox: AsyncStream<Event>.Continuation, _ reports: inout DiscardingTaskGroup
    ) {
        switch event {
        case .ended(let id, let end):
            if let child = ended(id, end) {
                reports.addTask {
                    if await self.report(child, end) { inbox.yield(.blamed(id)) }
                }
            }
        case .blamed(let id):
            var generator = SystemRandomNumberGenerator()
            plan.forgive(id, at: now, using: &generator)
        case .suspects(let queues):
            serve(queues)
        case .counts(let counts):
            wish(counts)
        case .tick:
            break
        case .shutDown:
            logger.info("supervisor drains", metadata: [.count: "\(children.count)"])
            plan.shutDown()
        }
        for action in plan.actions(at: now) { perform(action, into: inbox) }
    }

    private func perform(_ action: PoolPlan.Action, into inbox: AsyncStream<Event>.Continuation) {
        switch action {
        case .start(let id, let role): start(id, role, into: inbox)
        case .stop(let id):
            children[id]?.wasStopped = true
            processes.signal(id, SIGTERM)
        case .kill(let id):
            logger.warning("process takes too long to end, killing it", metadata: facts(of: id))
            processes.signal(id, SIGKILL)
        }
    }

    private func start(_ id: PoolPlan.ChildID, _ role: PoolPlan.Role, into inbox: AsyncStream<Event>.Continuation) {
        var generator = SystemRandomNumberGenerator()
        let process = ProcessID(number: generator.next())
        var environment = launch.environment
        environment[WorkerIdentity.processVariable] = "\(process)"
        environment[Self.backtraceVariable] = environment[Self.backtraceVariable] ?? Self.backtraceOptions
        environment[Lifeline.variable] = "\(ChildProcesses.lifelineDescriptor)"
        let arguments: [String]
        var pool: WorkersFile.PoolSettings?
        switch role {
        case .api: arguments = ["serve"] + launch.commonOptions + launch.apiOptions
        case .pool(let name), .alone(let name):
            arguments = ["work", "--pool", name] + launch.commonOptions
            pool = launch.file.pool(named: name)
            let duty: WorkerIdentity.SuspectDuty = if case .alone = role { .only } else { .leave }
            environment[WorkerIdentity.suspectsVariable] = duty.rawValue
        }
        let child = Child(role: role, process: process, queues: pool?.queues ?? [], startedAt: now)
        children[id] = child
        do throws(CommandError) {
            children[id]?.pid = try processes.start(
                id, name: "\(role)", arguments: arguments, environment: environment, memoryMax: pool?.memory,
                leavesNote: child.isAlone
            ) { inbox.yield(.ended(id, $0)) }
            logger.info("process started", metadata: facts(of: id))
        } catch {
            logger.error("process not started", metadata: [.pool: "\(role)", .error: "\(error)"])
            children[id] = nil
            plan.ended(id, at: now, using: &generator)
        }
    }

    private func ended(_ id: PoolPlan.ChildID, _ end: ChildEnd) -> Child? {
        var metadata = facts(of: id)
        metadata[.state] = "\(end.ending)"
        if let memoryMax = end.memoryMax { metadata[.error] = "over its memory limit of \(memoryMax)" }
        if end.ending.isClean {
            logger.info("process ended", metadata: metadata)
        } else {
            logger.warning("process ended", metadata: metadata)
        }
        var generator = SystemRandomNumberGenerator()
        plan.ended(id, at: now, using: &generator)
        // Nothing was left to be run alone; what has come since is seen in a moment.
        if end.ending.isClean, let role = children[id]?.role, case .alone = role { plan.wish(0, of: role) }
        let child = children.removeValue(forKey: id)
        if let child, child.role == .api { noteAPI(child, end.ending) }
        return child
    }

    private func noteAPI(_ child: Child, _ ending: ChildEnding) {
        isAPIProven = isAPIProven || now - child.startedAt >= Self.apiProvenAfter
        guard ending == .exited(CommandError.Code.usage.exitCode), !isAPIProven, !plan.isShuttingDown else { return }
        isAPIRefused = true
        logger.error("the API cannot start, everything is stopped", metadata: [.count: "\(children.count)"])
        plan.shutDown()
    }

    private func wish(_ counts: [String: Int]?) {
        if counts == nil, !areCountsMissing { logger.warning("ledger away, pools keep their counts") }
        if counts != nil, areCountsMissing { logger.info("ledger is back") }
        areCountsMissing = counts == nil
        guard !plan.isShuttingDown else { return }
        self.counts = counts ?? self.counts
        for pool in launch.file.pools {
            let role = PoolPlan.Role.pool(pool.name)
            let wished = max(0, min(self.counts[pool.name] ?? pool.count, WorkersFile.poolCountMax))
            let present = plan.count(of: role)
            plan.wish(wished, of: role)
            if wished == 0 { plan.wish(0, of: .alone(pool.name)) }
            if wished != present {
                logger.info("pool scales", metadata: [.pool: "\(pool.name)", .count: "\(wished)"])
            }
        }
    }

    /// Wishes for a process for the suspects of these queues in each pool that serves one of them; it ends by itself.
    private func serve(_ queues: Set<QueueName>) {
        guard !plan.isShuttingDown else { return }
        for pool in launch.file.pools
        where plan.count(of: .pool(pool.name)) > 0 && !queues.isDisjoint(with: pool.queues) {
            let role = PoolPlan.Role.alone(pool.name)
            if plan.count(of: role) == 0 {
                logger.info("suspects of a crash run alone", metadata: [.pool: "\(pool.name)"])
            }
            plan.wish(1, of: role)
        }
    }

    private func facts(of id: PoolPlan.ChildID) -> [LogKey: Logger.MetadataValue] {
        guard let child = children[id] else { return [:] }
        var facts: [LogKey: Logger.MetadataValue] = [.pool: "\(child.role)"]
        if let pid = child.pid { facts[.pid] = "\(pid)" }
        if child.role != .api { facts[.process] = "\(child.process)" }
        return facts
    }

    // MARK: What wakes it

    /// Four times a second something may be due; the plan knows what.
    private static func tick(into inbox: AsyncStream<Event>.Continuation) async {
        while !Task.isCancelled {
            inbox.yield(.tick)
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private nonisolated func watchCounts(into inbox: AsyncStream<Event>.Continuation) async {
        while !Task.isCancelled {
            do throws(LedgerError) {
                inbox.yield(.counts(try await ledger.poolCounts()))
            } catch {
                inbox.yield(.counts(nil))
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private nonisolated func watchSuspects(into inbox: AsyncStream<Event>.Continuation) async {
        let queues = launch.file.queues
        while !Task.isCancelled {
            // While the broker is away nothing could be run.
            if let statuses = try? await broker.status(of: queues) {
                inbox.yield(
                    .suspects(Set(statuses.filter { $0.quarantined > 0 && !$0.isPaused }.map(\.queue))))
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }
}

/// The API ended at the start with the word that it cannot work as it was told to; what it said of it was on its lines.
struct APIRefused: Error {}
