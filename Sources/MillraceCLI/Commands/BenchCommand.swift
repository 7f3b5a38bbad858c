// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Millrace
import MillraceAPI
import PostgresDriver

/// `millrace bench`
struct BenchCommand: ContextCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures what these stores and this machine can do.",
        discussion: """
            First the broker alone: jobs are enqueued, reserved and completed. Then the whole path: jobs are \
            accepted, run by a worker in this process, and recorded. The queue is a new one that no pool takes from; \
            all of it is removed afterwards. It takes CPU from whoever uses the same stores, and their work is part of \
            its figures: while jobs are ready or running it wants --yes.
            """)

    @Option(help: "Jobs in a run, 100 to 1000000. Default: 20000.")
    var jobs = BenchPlan().jobs
    @Option(help: "Jobs in a call, 1 to 500. Default: 100.")
    var batch = BenchPlan().batch
    @Option(help: "Bytes of a job's payload, 2 to 262144. Default: 150.")
    var payloadBytes = BenchPlan().payloadBytes
    @Option(help: "Runs of each part, 1 to 99; one more goes before, uncounted. Default: 5.")
    var runs = BenchPlan().runs
    @Flag(help: "Measures although jobs are ready or running.")
    var yes = false
    @OptionGroup var output: OutputOptions

    private var plan: BenchPlan { BenchPlan(jobs: jobs, batch: batch, payloadBytes: payloadBytes, runs: runs) }

    func validate() throws {
        let ranges = [
            ("--jobs", jobs, BenchPlan.jobsRange), ("--batch", batch, BenchPlan.batchRange),
            ("--payload-bytes", payloadBytes, BenchPlan.payloadRange), ("--runs", runs, BenchPlan.runsRange),
        ]
        for (name, value, range) in ranges where !range.contains(value) {
            throw ValidationError("\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        guard plan.redisBytes <= BenchPlan.bytesMax else {
            throw ValidationError(
                "--jobs, --payload-bytes: a run would take \(plan.redisBytes >> 20) MiB of Redis's memory, at most "
                    + "\(BenchPlan.bytesMax >> 20) MiB")
        }
    }

    func run(in context: CommandContext) async throws {
        let addresses = try StoreAddresses(environment: context.environment)
        let logger = context.logger(.error)
        let stores = try context.openStores(
            addresses, StoreOptions(databaseConnections: 10, usesTransactions: false), logger)
        do {
            let facts = try await StoreInspector(
                addresses: addresses, schema: context.parts.schema, now: context.now, logger: logger
            ).redis()
            try await stores.checkBroker()
            try await stores.ledger.check()
            try await removeLeftovers(stores, addresses, context)
            try await refuseUnfit(stores, facts)
            let figures = try await unlessInterrupted(context) {
                try await BenchMeter.with(addresses, logger: logger) { meter in
                    try await measure(stores, meter, addresses, context)
                }
            }
            try show(figures, facts, on: context.console)
        } catch {
            await stores.close()
            throw error
        }
        await stores.close()
    }

    // MARK: - Whether it may

    private func removeLeftovers(
        _ stores: Stores, _ addresses: StoreAddresses, _ context: CommandContext
    ) async throws {
        let cleaner = BenchCleaner(stores: stores, databaseURL: addresses.databaseURL)
        for queue in try await cleaner.cleanLeftovers(now: context.now()) {
            context.console.note("removed the queue \(queue), which a measurement left that was killed")
        }
    }

    private func refuseUnfit(_ stores: Stores, _ redis: RedisFacts) async throws {
        if redis.bytesMax > 0, redis.bytesMax - redis.usedBytes < 2 * plan.redisBytes {
            throw CommandError(
                .conflict,
                "Redis has \((redis.bytesMax - redis.usedBytes) >> 20) MiB left below maxmemory, a run may "
                    + "take \(plan.redisBytes >> 20): use a lower --jobs")
        }
        let busy = try await QueueRow.read(stores).filter(\.isBusy)
        guard !busy.isEmpty, !yes else { return }
        let names = busy.prefix(3).map(\.name).joined(separator: ", ") + (busy.count > 3 ? ", …" : "")
        throw CommandError(
            .conflict, "jobs are ready or running (\(names)), and would be slower for this: --yes measures all the same"
        )
    }

    /// Ctrl-C ends the measurement, not the cleaning up after it.
    private func unlessInterrupted(
        _ context: CommandContext, _ body: @escaping @Sendable () async throws -> [BenchFigure]
    ) async throws -> [BenchFigure] {
        try await withThrowingTaskGroup(of: [BenchFigure]?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await context.interruption()
                return nil
            }
            defer { group.cancelAll() }
            if let figures = try await group.next() ?? nil { return figures }
            context.console.note("interrupted, removing what was measured with")
            group.cancelAll()
            // It is cancelled now, and returns when it has cleaned up.
            _ = try? await group.next()
            throw CommandError(.interrupted, "")
        }
    }

    // MARK: - Measuring

    private func measure(
        _ stores: Stores, _ meter: BenchMeter, _ addresses: StoreAddresses, _ context: CommandContext
    ) async throws -> [BenchFigure] {
        var generator = SystemRandomNumberGenerator()
        let start = Timestamp.now()
        let queues = [
            BenchQueue(at: start, using: &generator), BenchQueue(at: start + .milliseconds(1), using: &generator),
        ]
        let cleaner = BenchCleaner(stores: stores, databaseURL: addresses.databaseURL)
        var locks: [AdvisoryLock] = []
        let result: Result<[BenchFigure], any Error>
        do {
            for queue in queues {
                if let lock = try await cleaner.lock(queue) { locks.append(lock) }
                // Should this process be killed, the next measurement finds it.
                try await stores.ledger.ensureQueue(queue.name)
            }
            let broker = BrokerBench(plan: plan, queue: queues[0], broker: stores.broker, meter: meter)
            let path = PathBench(
                plan, queue: queues[1], stores: stores, meter: meter, logger: context.logger(.error))
            let brokerSamples = try await samples(of: broker, context.console)
            result = .success(
                BenchFigure.figures(broker: brokerSamples, path: try await samples(of: path, context.console)))
        } catch {
            result = .failure(error)
        }
        // Not a child: it must go on when the measurement was cancelled. Awaited on the next line.
        let cleaning = Task { try await cleaner.clean(queues, since: start) }
        let cleaned = await cleaning.result
        if case .failure(let error) = cleaned {
            let names = queues.map(\.name.name).joined(separator: " and ")
            context.console.complain("jobs of the queues \(names) are left in the stores: \(error)")
        }
        for lock in locks { await lock.release() }
        return try result.get()
    }

    private func samples(of bench: BrokerBench, _ console: Console) async throws -> [BrokerBench.Sample] {
        try await bench.prepare()
        var samples: [BrokerBench.Sample] = []
        for run in 0...runs {
            console.note("broker alone, \(run == 0 ? "warming up" : "run \(run) of \(runs)")")
            let sample = try await bench.run()
            if run > 0 { samples.append(sample) }
        }
        return samples
    }

    private func samples(of bench: PathBench, _ console: Console) async throws -> [PathBench.Sample] {
        var samples: [PathBench.Sample] = []
        try await bench.whileWorking {
            for run in 0...runs {
                console.note("whole path, \(run == 0 ? "warming up" : "run \(run) of \(runs)")")
                let sample = try await bench.run(jobs, earlier: run * jobs)
                if run > 0 { samples.append(sample) }
            }
        }
        return samples
    }

    // MARK: - Showing

    private func show(_ figures: [BenchFigure], _ redis: RedisFacts, on console: Console) throws(CommandError) {
        #if DEBUG
            console.note("this is a debug build: the worker's figures say little")
        #endif
        switch output.output {
        case .table:
            try console.write(
                "Redis \(redis.version), append-only file \(redis.isAppendOnly ? "on" : "off"); \(runs) runs of \(jobs) "
                    + "jobs of \(payloadBytes) bytes in batches of \(batch)\n\n")
            try Listing.figures.show(figures, next: nil, as: .table, on: console)
            for figure in figures where figure.values.isEmpty {
                console.note("\(figure.name): unknown: \(figure.unknown ?? "not measured")")
            }
        case .json:
            var writer = JSONWriter()
            writer.object { json in
                json.member("redis_version", redis.version)
                json.member("appendonly", redis.isAppendOnly)
                json.member("runs", runs)
                json.member("jobs", jobs)
                json.member("batch", batch)
                json.member("payload_bytes", payloadBytes)
                json.member("figures") { json in json.array(figures) { $0.figure($1) } }
            }
            try console.write(writer.line)
        case .jsonl:
            try Listing.figures.show(figures, next: nil, as: .jsonl, on: console)
        }
    }
}
