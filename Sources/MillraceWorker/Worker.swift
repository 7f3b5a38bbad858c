// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Millrace
public import NIOCore
public import ServiceLifecycle

/// A worker process's engine: takes jobs, runs their handlers, and writes how they ended.
///
///     JobFetcher ──claimed──▶ JobRunner ──outcome──▶ OutcomeWriter ──▶ ledger, then broker
///          └────reserved────▶ LeaseKeeper ◀──acknowledged──┘
///
/// All its parts run on one event loop; only handlers run on the cooperative pool (or on threads for blocking work), so handlers
/// that hog it delay neither leases nor claims nor records.
///
/// On graceful shutdown it stops reserving, gives handlers `drainTimeout`, cancels the rest, and releases at no cost those that have
/// returned. One that still runs keeps its lease until the process has ended.
public struct Worker: Service {
    private let configuration: WorkerConfiguration
    private let eventLoop: any EventLoop
    private let broker: any JobBroker
    private let epochs: QueueEpochs
    private let keeper: LeaseKeeper
    private let writer: OutcomeWriter
    private let runner: JobRunner
    private let fetcher: JobFetcher
    private let reporter: Reporter
    private let upkeep: Upkeep
    private let listener: CancellationListener
    private let logger: Logger

    /// - Parameter eventLoop: should serve nothing that can keep it busy for long; leases depend on it.
    public init(
        configuration: WorkerConfiguration, handlers: JobHandlers, broker: any JobBroker, ledger: any JobLedger,
        eventLoop: any EventLoop, logger: Logger
    ) {
        precondition(!configuration.queues.isEmpty, "a worker needs a queue")
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.broker = broker
        self.logger = logger
        let room = RoomWatch(broker: broker, logger: logger)
        epochs = QueueEpochs(
            eventLoop: eventLoop, broker: broker, ledger: ledger, room: room, queues: configuration.queues,
            extendInterval: configuration.extendInterval, logger: logger)
        keeper = LeaseKeeper(
            eventLoop: eventLoop, broker: broker, epochs: epochs, interval: configuration.extendInterval,
            logger: logger)
        writer = OutcomeWriter(eventLoop: eventLoop, broker: broker, ledger: ledger, keeper: keeper, logger: logger)
        runner = JobRunner(
            eventLoop: eventLoop, configuration: configuration,
            submitter: JobSubmitter(ledger: ledger, broker: broker, room: room, logger: logger), writer: writer,
            keeper: keeper,
            hasBlockingHandlers: handlers.hasBlockingHandlers, logger: logger)
        fetcher = JobFetcher(
            eventLoop: eventLoop, configuration: configuration, handlers: handlers, broker: broker, ledger: ledger,
            epochs: epochs, keeper: keeper, runner: runner, writer: writer, logger: logger)
        reporter = Reporter(
            eventLoop: eventLoop, broker: broker, runner: runner, configuration: configuration,
            kinds: handlers.catalog.kinds)
        let queues = configuration.queues
        var chores: [any Chore] = [
            Promoter(eventLoop: eventLoop, broker: broker, queues: queues),
            Reclaimer(eventLoop: eventLoop, broker: broker, queues: queues),
            Relay(eventLoop: eventLoop, broker: broker, ledger: ledger, room: room),
            Sweeper(
                eventLoop: eventLoop, broker: broker, ledger: ledger, room: room,
                window: .recent(after: configuration.sweepAfter), logger: logger),
            Sweeper(eventLoop: eventLoop, broker: broker, ledger: ledger, room: room, window: .old, logger: logger),
            Maintainer(eventLoop: eventLoop, ledger: ledger),
            Expirer(eventLoop: eventLoop, broker: broker, ledger: ledger, logger: logger), reporter,
        ]
        if case .drain(let patience) = configuration.suspects {
            chores.append(
                SuspectWatch(
                    eventLoop: eventLoop, broker: broker, fetcher: fetcher, queues: queues, patience: patience))
        }
        upkeep = Upkeep(eventLoop: eventLoop, chores: chores, logger: logger)
        listener = CancellationListener(eventLoop: eventLoop, broker: broker, runner: runner)
    }

    /// Works until a graceful shutdown has been served, or too many handlers ignore their cancellation.
    public func run() async throws {
        await withTaskExecutorPreference(DelegatingTaskExecutor { eventLoop.execute($0) }) { await work() }
    }

    private func work() async {
        logger.info(
            "worker started",
            metadata: [
                .process: "\(configuration.process)",
                .queue: "\(configuration.queues.map(\.name).joined(separator: ","))",
                .count: "\(configuration.concurrency)",
            ])
        await keeper.setOnLost { [runner] in await runner.lose($0) }
        await epochs.setOnServerChange { [keeper] in await keeper.extendAll() }
        await withDiscardingTaskGroup { group in
            for part in parts { group.addTask { await part() } }
            await withGracefulShutdownHandler {
                await fetcher.run()
            } onGracefulShutdown: {
                stop()
            }
            await drain()
            group.cancelAll()
        }
        logger.info("worker ended", metadata: [.process: "\(configuration.process)"])
    }

    private var parts: [@Sendable () async -> Void] {
        [epochs.run, keeper.run, writer.run, upkeep.run, listener.run]
    }

    /// Straight onto the event loop: a task would wait for the cooperative pool, which handlers may hog.
    private func stop() {
        eventLoop.execute {
            fetcher.assumeIsolated { $0.stop() }
            runner.assumeIsolated { $0.stop() }
        }
    }

    private func drain() async {
        let deadline = ContinuousClock.now + configuration.drainTimeout + configuration.cancelGrace
        await reporter.setDraining()
        await runner.drain()
        // What the handlers left of the time is the ledger's, which may be away.
        let unwritten = await writer.flush(within: max(configuration.cancelGrace, deadline - .now))
        if unwritten.outcomes > 0 {
            logger.warning(
                "outcomes not in the ledger at shutdown, their jobs will run again",
                metadata: [.count: "\(unwritten.outcomes)"])
        }
        if unwritten.acknowledgements > 0 {
            logger.info(
                "the broker was not told at shutdown of jobs that the ledger has settled, it learns of them at their claims",
                metadata: [.count: "\(unwritten.acknowledgements)"])
        }
        do {
            try await broker.withdraw(configuration.process)
        } catch {
            logger.debug("not withdrawn", metadata: [.error: "\(error)"])
        }
    }
}
