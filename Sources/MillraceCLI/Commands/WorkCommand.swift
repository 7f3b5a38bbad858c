// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Millrace
import MillraceAPI
import MillraceWorker
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `millrace work`
struct WorkCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Runs one worker process.",
        discussion: """
            With --pool it works as a process of that pool of workers.yml; without, it takes jobs from the queues of \
            all pools. It waits for stores that are away. On SIGTERM or Ctrl-C it takes no more jobs and ends when \
            those it runs have ended, or after the drain time-out; a second signal ends it at once.
            """)

    @OptionGroup var file: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions
    @Option(help: "The pool of workers.yml to be a process of.")
    var pool: String?
    @Option(help: "The queues to take jobs from, with commas between. Default: the pool's.")
    var queues: String?
    @Option(help: "Handlers that run at the same time, 1 to 1000. Default: the pool's, or 10.")
    var concurrency: Int?

    func validate() throws {
        if let concurrency, !(1...1000).contains(concurrency) {
            throw ValidationError("--concurrency: expected 1 to 1000, found \(concurrency)")
        }
    }

    func run(in context: CommandContext) async throws {
        let file = try file.load(in: context)
        var settings = try settings(in: file)
        let duty = WorkerIdentity.suspectDuty(context.environment)
        if duty == .only { settings = settings.alone }
        let logger = context.logger(try logging.level(context.environment))
        var options = StoreOptions(databaseConnections: settings.databaseConnections, usesTransactions: true)
        options.retention = file.retention
        options.retentionSize = file.retentionSize
        try context.checkApplication(file)
        let stores = try context.openStores(StoreAddresses(environment: context.environment), options, logger)
        var configuration = WorkerConfiguration(
            queues: settings.queues, concurrency: settings.concurrency,
            process: WorkerIdentity.process(context.environment), pool: pool, pid: getpid(), host: WorkerIdentity.host,
            drainTimeout: settings.drainTimeout)
        switch duty {
        case .leave: configuration.suspects = .leave
        case .only:
            configuration.suspects = .only(runsMax: settings.suspectsMax, idleMax: .seconds(5))
            if let note = LoneNote(context.environment) { configuration.onLoneRun = { note.write($0) } }
        case nil: break
        }
        // Not the one of Redis's connections: a burst of replies must not hold up the worker's machinery.
        let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let worker = Worker(
            configuration: configuration, handlers: context.handlers(for: file), broker: stores.broker,
            ledger: stores.ledger, eventLoop: eventLoop, logger: logger)
        let gate = StoreGate(stores: stores, logger: logger)
        try await ServiceRunner.run(
            [GatedService(gate: gate, service: worker)], on: DelegatingTaskExecutor { eventLoop.execute($0) },
            logger: logger,
            secondSignal: context.secondSignal(
                drain: "running handlers have up to \(settings.drainTimeout.text)", loss: WorkCommand.lossAtOnce))
        await stores.close()
    }

    /// What becomes of the jobs of a process that is killed.
    static let lossAtOnce = "jobs that ran run again elsewhere, within about \(Limits.lease.text)"

    private func settings(in file: WorkersFile) throws(CommandError) -> WorkersFile.PoolSettings {
        var settings = WorkersFile.PoolSettings(name: "")
        if let pool {
            guard let found = file.pool(named: pool) else {
                let names = file.pools.map(\.name)
                let guess = Nearest.match(for: pool, among: names).map { ", did you mean \($0)?" }
                let known = guess ?? ", there are \(names.joined(separator: ", "))"
                throw CommandError(.usage, "--pool: no pool \(EscapedText.quotedIfNeeded(pool))\(known)")
            }
            settings = found
        } else if !file.queues.isEmpty {
            settings.queues = file.queues
        }
        if let queues { settings.queues = try QueueList.parse(queues, option: "--queues") }
        if let concurrency { settings.concurrency = concurrency }
        return settings
    }
}
