// SPDX-License-Identifier: Apache-2.0

import Millrace
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceCLI

/// Runs command lines on memory stores and a clock that stands still.
struct CommandFixture {
    let clock = TestClock()
    let ledger: MemoryLedger
    let broker: MemoryBroker
    var handlers = JobHandlers()
    var input = ""
    var isTerminal = false
    var usesColor = false
    var connectionsAllowed: Int?
    var environment = ["DATABASE_URL": "memory"]
    /// The application's own look at the machine.
    var checkApplication: @Sendable (ApplicationSettings) throws -> Void = { _ in }
    /// Called in place of each pause of `--watch` and `--wait`; the default ends the command.
    var onPause: @Sendable () async throws -> Void = { throw CancellationError() }

    init() {
        ledger = MemoryLedger(clock: clock)
        broker = MemoryBroker(clock: clock)
    }

    struct Outcome: Equatable {
        var code: Int32
        var output: String
        /// What went to standard error.
        var notes: [String]
    }

    func run(_ arguments: String...) async -> Outcome {
        await run(arguments)
    }

    func run(_ arguments: [String]) async -> Outcome {
        let written = Written()
        let code = await MillraceCommand.run(arguments, in: context(written))
        return written.outcome(code)
    }

    var stores: Stores {
        let (broker, allowed) = (broker, connectionsAllowed)
        return Stores(
            broker: broker, ledger: ledger, options: .brief, serving: { _, _ in .init() },
            checkBroker: { () async throws(BrokerError) in _ = try await broker.serverID() },
            migrate: { () async throws(LedgerError) in [] },
            connectionsAllowed: { () async throws(LedgerError) in allowed },
            forgetInBroker: { (_) async throws(BrokerError) in }, close: {})
    }

    private func context(_ written: Written) -> CommandContext {
        let (clock, input, onPause, stores) = (clock, input, onPause, stores)
        let console = Console(
            write: { (text) throws(CommandError) in written.append(output: text) }, note: { written.append(note: $0) },
            isTerminal: isTerminal, usesColor: usesColor)
        return CommandContext(
            parts: ApplicationParts(handlers: { [handlers] _ in handlers }, check: checkApplication),
            environment: environment, console: console,
            openStores: { (_, _, _) throws(CommandError) in stores }, defaultFile: "/nowhere/workers.yml",
            now: { clock.timestamp }, sleep: { _ in try await onPause() },
            readInput: { limit in Array(input.utf8.prefix(limit)) })
    }

    // MARK: - What lies in the stores

    /// Made at the time where the clock starts.
    static func id(_ number: Int) throws -> JobID {
        try #require(JobID("019b76da-a800-7000-8000-00000000000\(number)"))
    }

    /// Writes jobs to the ledger and pushes them, by this fixture's clock.
    func accept(_ jobs: NewJob...) async throws {
        _ = try await ledger.accept(Submission(jobs: jobs))
        for job in jobs {
            let delay = job.dueAt.map { $0 - clock.timestamp } ?? .zero
            let entry = QueuedJob(id: job.id, priority: job.priority, delay: delay, envelope: JobEnvelope(of: job))
            _ = try await broker.enqueue([entry], into: job.queue)
        }
    }

    /// Has a worker process give word of itself.
    func report(
        pool: String? = nil, queues: [String], kinds: [String]? = nil, running: Int = 0, isDraining: Bool = false,
        process: ProcessID = ProcessID(number: 0xF00D)
    ) async throws {
        try await broker.report(
            WorkerReport(
                process: "\(process)", pid: 4711, host: "mill-1", pool: pool, queues: queues, concurrency: 10,
                running: running, startedAtUnixMilliseconds: clock.timestamp.unixMilliseconds, isDraining: isDraining,
                stuck: 0, kinds: kinds))
    }

    /// Reserves and claims what is ready in a queue.
    func start(_ count: Int, in queue: QueueName) async throws -> [(lease: Lease, claim: Claim)] {
        let process = ProcessID(number: 0xF00D)
        let epoch = try await ledger.establishEpoch(of: queue, serverID: "memory")
        try await broker.configure(queue, isPaused: false, epoch: epoch)
        let reserved = try await broker.reserve(count, from: queue, epoch: epoch, process: process, backwards: false)
        let verdicts = try await ledger.claim(reserved.jobs.map { ClaimRequest(lease: $0.lease) }, process: process)
        return zip(reserved.jobs, verdicts).compactMap { job, verdict in
            if case .run(let claim) = verdict { (job.lease, claim) } else { nil }
        }
    }

    func end(_ job: (lease: Lease, claim: Claim), _ ending: Millrace.Outcome.Ending) async throws {
        _ = try await ledger.record([Millrace.Outcome(id: job.lease.id, attempt: job.claim.attempt, ending: ending)])
        _ = try await broker.complete([job.lease], in: job.lease.queue, announcing: [job.lease.id])
    }
}

private final class Written: Sendable {
    private let state = Mutex((output: "", notes: [String]()))

    func append(output: String) {
        state.withLock { $0.output += output }
    }

    func append(note: String) {
        state.withLock { $0.notes.append(note) }
    }

    func outcome(_ code: Int32) -> CommandFixture.Outcome {
        state.withLock { CommandFixture.Outcome(code: code, output: $0.output, notes: $0.notes) }
    }
}
